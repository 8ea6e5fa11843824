import { type DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** The Prometheus that the dashboard's variable `datasource` chooses. */
export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '${datasource}' };

/** What kube-prometheus-stack calls its own Prometheus. */
export const DEFAULT_DATASOURCE = { text: 'Prometheus', value: 'prometheus', selected: true };
