import { type ArtifactFile } from '../../common/artifact-files';
import { Failure } from '../../common/failure';
import { type MlflowRest } from '../../common/mlflow-rest';

const PROXY = '/api/2.0/mlflow-artifacts/artifacts';

/** The path behind an address of the server's own; `undefined` for any other address. */
export function proxiedPath(uri: string): string | undefined {
  return /^mlflow-artifacts:(?:\/\/[^/]*)?\/+(.+)$/.exec(uri)?.[1]?.replace(/\/+$/, '');
}

/** Where the server hands a file over, and takes one. */
export function proxyEndpoint(path: string): string {
  return `${PROXY}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * The files behind an address that only MLflow understands (`runs:/ID/PATH`, `models:/NAME/VERSION`, `models:/ID`, `mlflow-artifacts:/PATH`),
 * or the address of the place that it stands for.
 */
export async function resolveMlflowArtifact(rest: MlflowRest, uri: string): Promise<readonly ArtifactFile[] | string> {
  const [, run, path] = /^runs:\/+([^/]+)\/(.+)$/.exec(uri) ?? [];
  if (run !== undefined) {
    const answer = await rest.read('runs/get', { run_id: run });
    const { run: found } = rest.json<{ run: { info: { artifact_uri: string } } }>(answer, `run ${run}`);
    return resolveMlflowArtifact(rest, `${found.info.artifact_uri}/${path}`);
  }
  const [, name, version] = /^models:\/+([^/@]+)\/(\d+)$/.exec(uri) ?? [];
  if (name !== undefined) {
    const answer = await rest.read('model-versions/get-download-uri', { name, version: version! });
    const { artifact_uri: at } = rest.json<{ artifact_uri: string }>(answer, `the artifact of '${uri}'`);
    return resolveMlflowArtifact(rest, at);
  }
  const [, logged] = /^models:\/+([^/@]+)$/.exec(uri) ?? [];
  if (logged !== undefined) {
    const answer = await rest.read(`logged-models/${encodeURIComponent(logged)}`, {});
    const { model } = rest.json<{ model: { info: { artifact_uri: string } } }>(answer, `the model '${uri}'`);
    return resolveMlflowArtifact(rest, model.info.artifact_uri);
  }
  const proxied = proxiedPath(uri);
  if (proxied !== undefined) return proxiedFiles(rest, proxied);
  if (/^(runs|models|mlflow-artifacts):/.test(uri)) {
    throw Failure.configuration(
      `'${uri}' is not an address: expected runs:/ID/PATH, models:/NAME/VERSION or mlflow-artifacts:/PATH`,
    );
  }
  return uri;
}

interface Listed {
  readonly path: string;
  readonly is_dir?: boolean;
  /** 64-bit numbers may arrive as text. */
  readonly file_size?: string | number;
}

async function proxiedFiles(rest: MlflowRest, root: string): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const query = new URLSearchParams({ path: folder === '' ? root : `${root}/${folder}` });
    const answer = await rest.send(`${PROXY}?${query.toString()}`, {});
    const { files: listed = [] } = rest.json<{ files?: Listed[] }>(answer, `the artifacts at '${root}'`);
    for (const { path, is_dir: directory, file_size: bytes = 0 } of listed) {
      const name = folder === '' ? path : `${folder}/${path}`;
      if (directory) folders.push(name);
      else files.push({ name, bytes: Number(bytes), open: () => open(rest, `${root}/${name}`) });
    }
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function open(rest: MlflowRest, path: string): ReturnType<MlflowRest['stream']> {
  return rest.stream(proxyEndpoint(path), `the artifact '${path}'`);
}
