/*
 * What people read, as templates of Alertmanager (https://prometheus.io/docs/alerting/latest/notifications/). All alerts of one
 * message are of one group: the same alert of the same model, possibly of several versions or features.
 */

const FIRING = 'eq .Status "firing"';
// Alerts of a platform have no model.
const MODEL = '{{ .CommonLabels.namespace }}{{ with .CommonLabels.model }}/{{ . }}{{ end }}';
const ALERT = '{{ or .CommonLabels.alertname "several alerts" }}';

/** Which it is, in one line: `[CRITICAL] ModelAccuracyDegraded: ml/churn`. */
export const TITLE =
  `[{{ if ${FIRING} }}{{ or .CommonLabels.severity "firing" | toUpper }}{{ if gt (len .Alerts.Firing) 1 }} x{{ len .Alerts.Firing }}{{ end }}` +
  `{{ else }}RESOLVED{{ end }}] ${ALERT}: ${MODEL}`;

/** What Slack would take for markup, https://api.slack.com/reference/surfaces/formatting#escaping. */
const slackText = (field: string): string =>
  `{{ ${field} | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}`;

const WHEN =
  '{{ if eq .Status "resolved" }}resolved {{ .EndsAt.UTC.Format "2006-01-02 15:04 MST" }}{{ else }}since {{ .StartsAt.UTC.Format "2006-01-02 15:04 MST" }}{{ end }}';

interface Markup {
  readonly text: (field: string) => string;
  readonly summary: (text: string) => string;
  readonly link: (url: string) => string;
  readonly newLine: string;
  readonly end: string;
}

/** Every alert of the message: what is wrong, what it means, of which version, since when, and where to read on. */
function everyAlert({ text, summary, link, newLine, end }: Markup): string {
  const facts =
    `{{ with .Labels.version }}version ${text('.')} · {{ end }}{{ with .Labels.feature }}feature ${text('.')} · {{ end }}` +
    `{{ with .Annotations.value }}value ${text('.')} · {{ end }}${WHEN}`;
  const runbook = `{{ with .Annotations.runbook_url }} · ${link('{{ . }}')}{{ end }}`;
  const lines = [summary(text('.Annotations.summary')), text('.Annotations.description'), `${facts}${runbook}`];
  return `{{ range .Alerts }}${lines.join(newLine)}${end}{{ end }}`;
}

/** Of a Slack attachment. */
export const SLACK = {
  color: `{{ if ${FIRING} }}{{ if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}{{ else }}good{{ end }}`,
  text: everyAlert({
    text: slackText,
    summary: (text) => `*${text}*`,
    link: (url) => `<${url}|Runbook>`,
    newLine: '\n',
    end: '\n\n',
  }),
  fields: [
    { title: 'Model', value: '{{ .CommonLabels.model }}', short: true },
    { title: 'Namespace', value: '{{ .CommonLabels.namespace }}', short: true },
  ],
} as const;

/** A value of every alert, each once where they are the same. */
function common(kind: 'Labels' | 'Annotations', name: string): string {
  const every = `{{ range $index, $alert := .Alerts }}{{ if $index }}\n{{ end }}{{ $alert.${kind}.${name} }}{{ end }}`;
  return `{{ if .Common${kind}.${name} }}{{ .Common${kind}.${name} }}{{ else }}${every}{{ end }}`;
}

/** Of a PagerDuty event. */
export const PAGER_DUTY = {
  severity: '{{ if eq .CommonLabels.severity "critical" }}critical{{ else }}warning{{ end }}',
  class: ALERT,
  component: '{{ .CommonLabels.model }}',
  group: '{{ .CommonLabels.namespace }}',
  details: [
    { key: 'summary', value: common('Annotations', 'summary') },
    { key: 'description', value: common('Annotations', 'description') },
    { key: 'model', value: MODEL },
    { key: 'version', value: common('Labels', 'version') },
    { key: 'value', value: common('Annotations', 'value') },
    { key: 'runbook', value: common('Annotations', 'runbook_url') },
  ],
} as const;

/** Of an e-mail: Alertmanager escapes what it fills into HTML. */
export const EMAIL = {
  text: `${TITLE}\n\n${everyAlert({
    text: (field) => `{{ ${field} }}`,
    summary: (text) => text,
    link: (url) => `runbook: ${url}`,
    newLine: '\n',
    end: '\n\n',
  })}`,
  html: `<h3>${TITLE}</h3>${everyAlert({
    text: (field) => `{{ ${field} }}`,
    summary: (text) => `<p><strong>${text}</strong>`,
    link: (url) => `<a href="${url}">Runbook</a>`,
    newLine: '<br>',
    end: '</p>',
  })}`,
} as const;
