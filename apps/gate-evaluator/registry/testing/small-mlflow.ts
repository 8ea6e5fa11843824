import { type Answer, type Received } from '../../../common/testing/local-server';

interface Version {
  readonly version: string;
  readonly run_id: string;
  readonly source: string;
  readonly creation_timestamp: number;
  status: string;
  tags: { key: string; value: string }[];
}

interface Model {
  readonly name: string;
  readonly creation_timestamp: number;
  readonly tags: { key: string; value: string }[];
}

/** As much of MLflow's registry as a promotion needs, in memory: what it answers can be meddled with at every request. */
export class SmallMlflow {
  public readonly models = new Map<string, Model>();
  public readonly versions: Version[] = [];
  public readonly aliases = new Map<string, string>();

  constructor(private readonly unknownAlias: 400 | 404 = 400) {}

  public addVersion(tags: Readonly<Record<string, string>>, status = 'READY'): void {
    const version = String(this.versions.length + 1);
    const pairs = Object.entries(tags).map(([key, value]) => ({ key, value }));
    this.versions.push({
      ...{ version, run_id: `run-${version}`, source: `gs://models/${version}`, creation_timestamp: 1.7e12 },
      ...{ status, tags: pairs },
    });
  }

  public answer({ method, path, body }: Received): Answer {
    const { pathname, searchParams } = new URL(path, 'http://mlflow');
    const given = {
      ...Object.fromEntries(searchParams),
      ...(body === '' ? {} : (JSON.parse(body) as object)),
    } as Record<string, string>;
    return this.of(`${method} ${pathname.replace('/api/2.0/mlflow/', '')}`, given);
  }

  private of(what: string, given: Readonly<Record<string, string>>): Answer {
    const { name = '', alias = '' } = given;
    const found = this.versions.find(({ version }) => version === (given.version ?? this.aliases.get(alias)));
    switch (what) {
      case 'POST registered-models/create':
        if (this.models.has(name)) return refused(400, 'RESOURCE_ALREADY_EXISTS', `${name} exists`);
        this.models.set(name, {
          name,
          creation_timestamp: Date.now(),
          tags: (given.tags ?? []) as unknown as Model['tags'],
        });
        return said({ registered_model: this.models.get(name) });
      case 'GET registered-models/get':
        return this.models.has(name) ? said({ registered_model: this.models.get(name) }) : gone(name);
      case 'DELETE registered-models/delete':
        return this.models.delete(name) ? said({}) : gone(name);
      case 'GET registered-models/alias':
        if (found) return said({ model_version: found });
        if (this.unknownAlias === 404) return gone(alias);
        return refused(400, 'INVALID_PARAMETER_VALUE', `Registered model alias ${alias} not found.`);
      case 'POST registered-models/alias':
        this.aliases.set(alias, given.version!);
        return said({});
      case 'DELETE registered-models/alias':
        this.aliases.delete(alias);
        return said({});
      case 'GET model-versions/get':
        return found ? said({ model_version: found }) : gone(name);
      case 'GET model-versions/search':
        return said({ model_versions: this.versions });
      case 'POST model-versions/set-tag':
        found!.tags = [...found!.tags.filter(({ key }) => key !== given.key), { key: given.key!, value: given.value! }];
        return said({});
      case 'POST model-versions/create': {
        const tags = ((given.tags ?? []) as unknown as Version['tags']).map(({ key, value }) => [key, value]);
        this.addVersion(Object.fromEntries(tags) as Record<string, string>);
        Object.assign(this.versions.at(-1)!, { run_id: given.run_id, source: given.source });
        return said({ model_version: this.versions.at(-1) });
      }
      default:
        return { status: 404, body: `<html>${what}</html>` };
    }
  }
}

const said = (body: object): Answer => ({ status: 200, body });
const refused = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error_code: code, message },
});
const gone = (name: string): Answer => refused(404, 'RESOURCE_DOES_NOT_EXIST', `${name} not found`);
