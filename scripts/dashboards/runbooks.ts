import { DashboardLinkBuilder, DashboardLinkType } from '@grafana/grafana-foundation-sdk/dashboard';

// The construct puts the folder's real address in its place, or leaves the links out.
const RUNBOOKS = 'https://runbooks.invalid';

/** A panel's link to what to do when an alert fires. */
export function runbookLink(alert: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(`Runbook: ${alert}`)
    .type(DashboardLinkType.Link)
    .url(`${RUNBOOKS}/${alert}.md`)
    .targetBlank(true);
}
