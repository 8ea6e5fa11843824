import { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { VERSION_ROLES } from 'cdk8s-mlops/contract';
import { DATASOURCE } from './datasource';
import { MODEL, roleSeries, VERSION, withRole } from './queries';

/*
 * A transition is a version that has a role and did not have it one step ago: so each is found at exactly one step, however long a step is.
 * Which versions were stable before is asked of the 15 days that Prometheus keeps by default.
 */

const STEP_AGO = 'offset $__interval';
const { stable, candidate } = VERSION_ROLES;

const versions = (series: string): string => `group by (${VERSION}) (${series})`;
const stableStepAgo = versions(`${roleSeries(stable)} ${STEP_AGO}`);
const candidateStepAgo = versions(`${roleSeries(candidate)} ${STEP_AGO}`);
const wasStable = versions(`last_over_time(${roleSeries(stable)}[15d] ${STEP_AGO})`);

/** A version is stable that never was before. */
export const PROMOTIONS = `${withRole(stable)} unless ${wasStable}`;
/** A version is stable again, after another one: one whose series was not scraped for a while is no rollback. */
export const ROLLBACKS = `(${withRole(stable)} unless ${stableStepAgo}) and ${wasStable} and on (${MODEL}) ${stableStepAgo}`;
/** A candidate is none any more, and has not become stable. */
export const WITHDRAWALS = `(${candidateStepAgo} unless ${withRole(candidate)} unless ${withRole(stable)}) and on (${MODEL}) ${withRole(stable)}`;

function annotation(name: string, color: string, expression: string, title: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor(color)
    .expr(expression)
    .step('1m')
    .titleFormat(title)
    .tagKeys(VERSION.replaceAll(' ', ''));
}

/** Promotions and rollbacks, as marks on every panel with a time axis. */
export function transitions(): AnnotationQueryBuilder[] {
  return [
    annotation('Promotions', 'green', PROMOTIONS, '{{model}} {{version}} is stable'),
    annotation('Rollbacks', 'red', ROLLBACKS, '{{model}} is back at {{version}}'),
    annotation('Withdrawn candidates', 'orange', WITHDRAWALS, '{{model}} {{version}} is no candidate any more'),
  ];
}
