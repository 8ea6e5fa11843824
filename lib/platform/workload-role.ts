import { resourceName } from './resource-name';

/** Most characters of a role's name. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const ROLE_NAME_LIMIT = 64;

/**
 * Name of the IAM role that a service account gets: `<cluster>.<namespace>.<account>`, and a beginning and a hash of that where it is
 * longer than 64 characters. The cloud half makes the role by this name, and the manifests that must name it (IRSA) compute the same.
 *
 * The dots are no ornament: joined by hyphens, `fraud-detector` in `ml` and `detector` in `ml-fraud` would be one role. Names of clusters
 * and of namespaces have none.
 *
 * @param clusterName name of the EKS cluster, chosen by the program
 * @throws ValidationError when a name is not known at synthesis.
 */
export function workloadRoleName(clusterName: string, namespace: string, serviceAccountName: string): string {
  return resourceName(ROLE_NAME_LIMIT, `${clusterName}.${namespace}.${serviceAccountName}`);
}
