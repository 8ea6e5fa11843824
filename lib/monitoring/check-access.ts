import { type ObjectAccessList } from '../platform/object-access';
import { type DriftAlertingProps } from './drift-alerting';
import { checksCapturedLog } from './drift-check-configuration';

/** Declares what a drift check, or one of performance alone, does with objects. */
export function declareCheckAccess(serviceAccountName: string, props: DriftAlertingProps, keepsReports: boolean): void {
  const { servedModel, labelsUri, reportsUri } = props;
  const { platform, model } = servedModel;
  const list: ObjectAccessList = platform._access;
  const log = props.predictionLogUri ?? servedModel.predictionLogUri;
  const account = { serviceAccountName, reads: true };
  if (log !== undefined) {
    // What the capture brought is compacted first: events become rows, and what has expired is deleted.
    const compacts = checksCapturedLog(props);
    const purpose = compacts ? 'the prediction log, which is compacted' : 'the prediction log';
    list.add({ ...account, uri: log, writes: compacts, deletes: compacts, purpose });
  }
  if (labelsUri !== undefined) {
    list.add({ ...account, uri: labelsUri, writes: false, deletes: false, purpose: 'labels that come later' });
  }
  if (reportsUri !== undefined && keepsReports) {
    const uri = `${reportsUri}/${model.name}`;
    list.add({ serviceAccountName, uri, reads: false, writes: true, deletes: false, purpose: 'reports' });
  }
}
