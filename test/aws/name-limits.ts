import { parseTemplate } from './terraform/expressions';

/** What AWS takes for a name. */
interface Rule {
  readonly max: number;
  readonly min?: number;
  readonly pattern?: RegExp;
  /** What must not be in it. */
  readonly not?: RegExp;
}

const IAM = /^[\w+=,.@-]+$/;
/** Terraform adds 26 characters to a prefix. */
const prefixOf = ({ max, pattern, not }: Rule): Rule => ({ max: max - 26, pattern, not });

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const BUCKET: Rule = {
  ...{ min: 3, max: 63, pattern: /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/ },
  not: /\.\.|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/,
};
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const ROLE: Rule = { max: 64, pattern: IAM };
const POLICY: Rule = { max: 128, pattern: IAM };
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.Constraints
const DATABASE: Rule = { max: 63, pattern: /^[a-z][a-z0-9-]*$/, not: /--|-$/ };
const DATABASE_GROUP: Rule = { max: 255, pattern: /^[a-z][a-z0-9-]*$/, not: /--|-$/ };
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
const POSTGRES: Rule = { max: 63, pattern: /^[a-z_]\w*$/ };
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
const CLUSTER: Rule = { max: 100, pattern: /^[0-9A-Za-z][\w-]*$/ };
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html
const NODE_GROUP: Rule = { max: 63, pattern: /^[0-9A-Za-z][\w-]*$/ };
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
const REPOSITORY: Rule = {
  min: 2,
  max: 256,
  pattern: /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
};
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
const SECURITY_GROUP: Rule = { max: 255, pattern: /^[\w .:/()#,@[\]+=&;{}!$*-]+$/, not: /^sg-/ };
// https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
const ALIAS: Rule = { max: 256, pattern: /^alias\/[\w/-]+$/, not: /^alias\/aws\// };
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
const QUEUE: Rule = { max: 80, pattern: /^[\w-]+(\.fifo)?$/ };
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
const EVENT_RULE: Rule = { max: 64, pattern: /^[\w.-]+$/ };
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html
const LAUNCH_TEMPLATE: Rule = { min: 3, max: 128, pattern: /^[\w().\-/]+$/ };
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
const LOG_GROUP: Rule = { max: 512, pattern: /^[\w./#-]+$/ };
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
const SECRET: Rule = { max: 512, pattern: /^[\w/+=.@-]+$/ };
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html
const TABLE: Rule = { min: 3, max: 255, pattern: /^[\w.-]+$/ };
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const LABEL: Rule = { max: 63, pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/ };
const SUBDOMAIN: Rule = { max: 253, pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/ };
// https://github.com/helm/helm/blob/main/pkg/chart/v2/util/validate_name.go
const RELEASE: Rule = { max: 53, pattern: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/ };
// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
const TAG_KEY: Rule = { min: 1, max: 128, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, not: /^aws:/i };
const TAG_VALUE: Rule = { min: 0, max: 256, pattern: /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u };
const MAX_TAGS = 50;

/** Rules by type and argument; `*` is for every type. Undefined: the name is given by AWS or somebody else. */
const RULES: Readonly<Record<string, Rule | undefined>> = {
  'aws_s3_bucket.bucket': BUCKET,
  'aws_s3_bucket.bucket_prefix': prefixOf(BUCKET),
  'aws_iam_role.name': ROLE,
  'aws_iam_role.name_prefix': prefixOf(ROLE),
  'aws_iam_policy.name': POLICY,
  'aws_iam_policy.name_prefix': prefixOf(POLICY),
  'aws_iam_role_policy.name': POLICY,
  'aws_iam_instance_profile.name': POLICY,
  'aws_db_instance.identifier': DATABASE,
  'aws_db_instance.db_name': POSTGRES,
  'aws_db_instance.username': POSTGRES,
  'aws_db_instance.final_snapshot_identifier': DATABASE_GROUP,
  'aws_db_instance.parameter_group_name': DATABASE_GROUP,
  'aws_db_instance.option_group_name': DATABASE_GROUP,
  'aws_rds_cluster.cluster_identifier': DATABASE,
  'aws_rds_cluster.database_name': POSTGRES,
  'aws_rds_cluster.master_username': POSTGRES,
  'aws_rds_cluster.final_snapshot_identifier': DATABASE_GROUP,
  'aws_rds_cluster_instance.identifier': DATABASE,
  'aws_rds_cluster_instance.cluster_identifier': DATABASE,
  'aws_db_subnet_group.name': { max: 255, pattern: /^[a-z0-9 ._-]+$/, not: /^default$/ },
  'aws_db_parameter_group.name': DATABASE_GROUP,
  'aws_db_parameter_group.name_prefix': prefixOf(DATABASE_GROUP),
  'aws_rds_cluster_parameter_group.name': DATABASE_GROUP,
  'aws_rds_cluster_parameter_group.name_prefix': prefixOf(DATABASE_GROUP),
  'aws_eks_cluster.name': CLUSTER,
  '*.cluster_name': CLUSTER,
  'aws_eks_node_group.node_group_name': NODE_GROUP,
  'aws_eks_node_group.node_group_name_prefix': prefixOf(NODE_GROUP),
  'aws_eks_addon.addon_name': undefined,
  'aws_eks_addon_version.addon_name': undefined,
  'aws_ecr_repository.name': REPOSITORY,
  'aws_security_group.name': SECURITY_GROUP,
  'aws_security_group.name_prefix': { ...prefixOf(SECURITY_GROUP) },
  'aws_security_group.description': SECURITY_GROUP,
  'aws_vpc_security_group_ingress_rule.description': SECURITY_GROUP,
  'aws_vpc_security_group_egress_rule.description': SECURITY_GROUP,
  'aws_kms_alias.name': ALIAS,
  'aws_sqs_queue.name': QUEUE,
  'aws_cloudwatch_event_rule.name': EVENT_RULE,
  'aws_cloudwatch_event_target.target_id': EVENT_RULE,
  'aws_launch_template.name': LAUNCH_TEMPLATE,
  'aws_launch_template.name_prefix': prefixOf(LAUNCH_TEMPLATE),
  'aws_cloudwatch_log_group.name': LOG_GROUP,
  'aws_secretsmanager_secret.name': SECRET,
  'aws_dynamodb_table.name': TABLE,
  'aws_autoscaling_group_tag.autoscaling_group_name': undefined,
  'aws_eks_pod_identity_association.namespace': LABEL,
  'aws_eks_pod_identity_association.service_account': SUBDOMAIN,
  'helm_release.name': RELEASE,
  'helm_release.namespace': LABEL,
  // Names of this module's roles are prefixes, which it closes by a hyphen.
  'module.iam_role_name': { ...prefixOf(ROLE), max: 37 },
  'module.name': CLUSTER,
};

/** Arguments that are names, wherever they are: one without a rule is a problem, so that none is passed over. */
const NAME = /^(name|bucket|identifier|alias|username|.*_(name|identifier)|(name|bucket)_prefix|.*_name_prefix)$/;

/**
 * Every name in a stack that AWS would refuse: too long, too short, or of characters that it does not take; and every name that no rule
 * is known for. References are skipped: they are names that were checked where they come from.
 *
 * @param json - what `Testing.synth(stack)` returns, or the contents of `cdk.tf.json`
 */
export function checkNames(json: string): string[] {
  const stack = JSON.parse(json) as Record<string, Record<string, Record<string, object>>>;
  const problems: string[] = [];
  for (const kind of ['resource', 'data'] as const) {
    for (const [type, named] of Object.entries(stack[kind] ?? {})) {
      for (const [id, body] of Object.entries(named)) {
        problems.push(...checkBlock(type, `${kind === 'data' ? 'data.' : ''}${type}.${id}`, body));
      }
    }
  }
  for (const [id, body] of Object.entries(stack.module ?? {}))
    problems.push(...checkBlock('module', `module.${id}`, body));
  return problems;
}

function checkBlock(type: string, address: string, body: object): string[] {
  return Object.entries(body).flatMap(([argument, value]) => {
    if (argument === 'tags') return checkTags(value as object).map((problem) => `${address}: ${problem}`);
    if (typeof value !== 'string' || parseTemplate(value).references.length > 0) return [];
    const key = [`${type}.${argument}`, `*.${argument}`].find((each) => each in RULES);
    if (key === undefined)
      return NAME.test(argument) ? [`${address}: no rule is known for '${argument}' (${value})`] : [];
    const rule = RULES[key];
    return rule ? against(rule, value).map((problem) => `${address}: '${argument}' ${problem}`) : [];
  });
}

function checkTags(tags: object): string[] {
  const entries = Object.entries(tags) as [string, string][];
  const problems = entries.length > MAX_TAGS ? [`has ${entries.length} tags, and AWS takes ${MAX_TAGS}`] : [];
  for (const [key, value] of entries) {
    problems.push(...against(TAG_KEY, key).map((problem) => `key of tag ${problem}`));
    if (!parseTemplate(value).references.length)
      problems.push(...against(TAG_VALUE, value).map((each) => `tag ${key} ${each}`));
  }
  return problems;
}

function against({ min = 1, max, pattern, not }: Rule, value: string): string[] {
  if (value.length < min || value.length > max) {
    return [`('${value}') has ${value.length} characters, and AWS takes ${min} to ${max}`];
  }
  const taken = (pattern?.test(value) ?? true) && !not?.test(value);
  return taken ? [] : [`('${value}') is of a form that AWS does not take`];
}
