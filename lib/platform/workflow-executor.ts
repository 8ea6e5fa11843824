import { k8s } from 'cdk8s-plus-29';
import { Construct } from 'constructs';
import { objectMetadata } from './object-metadata';

/** Name of the account and role that Argo's executor needs. */
export const WORKFLOW_EXECUTOR = 'workflow-executor';

/**
 * What Argo Workflows' executor may do in the pods of a workflow, and nothing more: write task results. Pipelines bind
 * the role to accounts of their own; the account is for other workflows in the namespace, which else would run as
 * `default`.
 *
 * @see https://argo-workflows.readthedocs.io/en/latest/workflow-rbac/
 * @internal
 */
export class WorkflowExecutor extends Construct {
  constructor(
    scope: Construct,
    id: string,
    private readonly namespace: string,
  ) {
    super(scope, id);
    const metadata = objectMetadata({ name: WORKFLOW_EXECUTOR, namespace, app: WORKFLOW_EXECUTOR });
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata });
    new k8s.KubeRole(this, 'Resource', {
      metadata,
      rules: [{ apiGroups: ['argoproj.io'], resources: ['workflowtaskresults'], verbs: ['create', 'patch'] }],
    });
    this.bind(this, 'RoleBinding', WORKFLOW_EXECUTOR);
  }

  /** Lets the pods of another account report their results. */
  public bind(scope: Construct, id: string, account: string): void {
    const name = account === WORKFLOW_EXECUTOR ? account : `${account}-executor`;
    new k8s.KubeRoleBinding(scope, id, {
      metadata: objectMetadata({ name, namespace: this.namespace, app: WORKFLOW_EXECUTOR }),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: WORKFLOW_EXECUTOR },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: this.namespace }],
    });
  }
}
