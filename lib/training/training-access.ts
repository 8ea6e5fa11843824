import { type Model } from '../model/model';
import { type QualityGates } from '../model/quality-gates';
import { isObjectStoreUri, type ObjectAccessList } from '../platform/object-access';
import { type ObjectGrant } from '../platform/object-grant';
import { type ExtraStep, type TrainingSteps } from './pipeline-step';
import { type Workspace } from './workspace';

/** What decides which objects a training works with. */
export interface TrainingObjects {
  readonly steps: TrainingSteps;
  readonly extraSteps?: readonly ExtraStep[];
  readonly gates: QualityGates;
  readonly workspace: Workspace;
  readonly trainingDataUri?: string;
  readonly promotes?: boolean;
  readonly access?: readonly ObjectGrant[];
}

/** Declares what the steps of a training do with objects: all of them run as one account. */
export function declareTrainingAccess(
  list: ObjectAccessList,
  pipeline: { readonly serviceAccountName: string; readonly model: Model; readonly modelStore: string },
  objects: TrainingObjects,
): void {
  const { serviceAccountName, model, modelStore } = pipeline;
  const { workspace, trainingDataUri, gates, access = [] } = objects;
  const readsOnly = { serviceAccountName, reads: true, writes: false, deletes: false };
  const owns = { serviceAccountName, reads: true, writes: true, deletes: true };

  if (workspace._uri !== undefined) list.add({ ...owns, uri: workspace._uri, purpose: 'workspaces of runs' });
  for (const uri of checkpoints(objects)) list.add({ ...owns, uri, purpose: 'checkpoints' });
  if (trainingDataUri !== undefined) list.add({ ...readsOnly, uri: trainingDataUri, purpose: 'training data' });
  for (const uri of addresses(gates.file)) list.add({ ...readsOnly, uri, purpose: 'files that the gates name' });

  // Registration copies the artifact there, and lists the folder before and after; it replaces nothing.
  const registers = { serviceAccountName, reads: true, writes: true, deletes: false };
  list.add({ ...registers, uri: modelStore, purpose: 'artifacts of registered versions' });
  list.addArtifacts(model.name, modelStore);
  if (objects.promotes === true) {
    const purpose = 'lets artifacts of archived versions expire';
    list.addForArtifacts(model.name, { ...registers, archives: true, purpose });
  }
  for (const grant of access) list.add(grant._access(serviceAccountName, "the user's steps"));
}

function checkpoints({ steps, extraSteps = [] }: TrainingObjects): string[] {
  const all = [steps.extract, steps.validate, steps.train, steps.evaluate, ...extraSteps];
  return all.flatMap((step) => (step?.checkpointUri === undefined ? [] : [step.checkpointUri]));
}

/** Every address of an object store in a gate file, whatever its key: a baseline and importances may lie in one. */
function addresses(value: unknown): string[] {
  if (typeof value === 'string') return isObjectStoreUri(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(addresses) : [];
}
