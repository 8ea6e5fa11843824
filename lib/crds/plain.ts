import { type KubernetesManifest } from '../contract';

/** An object as JSON has it, without what is undefined. */
export function plain(object: object): KubernetesManifest {
  return JSON.parse(JSON.stringify(object)) as KubernetesManifest;
}
