import { MLFLOW_ALIASES, type ModelSchema } from 'cdk8s-mlops/contract';
import { messageOf } from '../../common/failure';
import { type Log } from '../../common/log';
import { type MlflowClient } from '../../common/mlflow';
import { type ReferenceProfile } from '../profile/reference-profile';
import { versionProfile } from '../profile/version-profile';
import { versionSchema } from '../profile/version-schema';

/** What the registry knows of a version. */
export interface KnownVersion {
  readonly version: string;
  /** The features that it was trained on, in their order: another version may have others. */
  readonly schema: ModelSchema;
  /** Absent when the version has none. */
  readonly profile?: ReferenceProfile;
  /** Whether the registry has it; true where there is no registry to ask. */
  readonly registered: boolean;
}

type Registry = Pick<MlflowClient, 'version' | 'versionByAlias' | 'artifact'>;

export interface ModelVersionsOptions {
  /** The schema file: of every version of which nothing else is known. */
  readonly schema: ModelSchema;
  readonly registry?: Registry;
  readonly log: Log;
  /** Called for each version, as soon as it is known. */
  readonly onKnown: (version: KnownVersion) => void;
  /** How long after a failure, or after it did not have a version, the registry is asked again, in milliseconds. */
  readonly retryMs?: number;
}

/** Versions that are remembered, and that the registry is asked for at the same time: names come with the calls. */
const MOST_KNOWN = 200;
const MOST_ASKED = 4;

/** Schemas and profiles of versions, asked of the registry when they are met for the first time. */
export class ModelVersions {
  private readonly known = new Map<string, KnownVersion>();
  private readonly asking = new Map<string, Promise<void>>();
  /** Versions of which the registry had nothing to say, and when. */
  private readonly missedAt = new Map<string, number>();

  constructor(private readonly options: ModelVersionsOptions) {}

  /** What is known of a version by now; what is not is asked for, and known later. */
  public get(version: string): KnownVersion | undefined {
    const { registry, schema } = this.options;
    if (!registry) return { version, schema, registered: true };
    const found = this.known.get(version);
    if (!found?.registered && this.asking.size < MOST_ASKED) void this.ask(version);
    return found;
  }

  /** Asks for the versions that serve now, so that they are counted from the first call on. */
  public async preload(): Promise<void> {
    const { registry, schema, log } = this.options;
    if (!registry) return;
    try {
      for (const alias of [MLFLOW_ALIASES.champion, MLFLOW_ALIASES.challenger]) {
        const found = await registry.versionByAlias(schema.model, alias);
        if (found) await this.ask(found.version);
      }
    } catch (error) {
      log.warn(`which versions serve is not known yet: ${messageOf(error)}`);
    }
  }

  private ask(version: string): Promise<void> {
    const { retryMs = 30_000, log } = this.options;
    if (Date.now() - (this.missedAt.get(version) ?? -Infinity) < retryMs) return Promise.resolve();
    const running = this.asking.get(version);
    if (running) return running;
    const asked = this.fetch(version, this.options.registry!)
      .then((found) => {
        this.known.set(version, found);
        if (this.known.size > MOST_KNOWN) this.forgetOne();
        if (!found.registered) this.miss(version);
        this.options.onKnown(found);
      })
      .catch((error: unknown) => {
        this.miss(version);
        log.warn({ version }, `its reference profile is not known yet: ${messageOf(error)}`);
      })
      .finally(() => this.asking.delete(version));
    this.asking.set(version, asked);
    return asked;
  }

  /** Names that are none must not make it forget those that serve. */
  private forgetOne(): void {
    const all = [...this.known.values()];
    this.known.delete((all.find(({ registered }) => !registered) ?? all[0]!).version);
  }

  private miss(version: string): void {
    this.missedAt.set(version, Date.now());
    if (this.missedAt.size > MOST_KNOWN) this.missedAt.delete(this.missedAt.keys().next().value!);
  }

  private async fetch(version: string, registry: Registry): Promise<KnownVersion> {
    const { schema } = this.options;
    // Registries count versions: what is no number is not one of theirs.
    const found = /^\d+$/.test(version) ? await registry.version(schema.model, version) : undefined;
    if (!found) return { version, schema, registered: false };
    const profile = (await versionProfile(registry as MlflowClient, schema.model, found))?.profile;
    return { version, schema: (await versionSchema(registry, schema, found)) ?? schema, profile, registered: true };
  }
}
