import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { monotonic, quantile } from './timing';

/**
 * Sends requests and responses as KServe's payload logger does, V2 with 20 features, at a fixed rate: what comes too late is sent late, and
 * its time counted from when it was due. Prints one line of JSON. A process of its own, so that it does not compete with what it measures.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    events: { type: 'string' },
    rate: { type: 'string' },
    connections: { type: 'string', default: '32' },
    service: { type: 'string', default: 'bench' },
  },
});
const events = Number(values.events);
const rate = Number(values.rate);
const target = new URL(values.url!);
const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });
const latencies = new Float64Array(events);
const statuses: Record<string, number> = {};
const TYPE = 'org.kubeflow.serving.inference.';
const annotations = JSON.stringify({ 'cdk8s-mlops.dev/version': '1', 'cdk8s-mlops.dev/role': 'stable' });

function bodyOf(index: number): string {
  if (index % 2 === 1) {
    return JSON.stringify({
      model_name: 'bench',
      outputs: [{ name: 'predict', shape: [1, 2], datatype: 'FP64', data: [0.25, 0.75] }],
    });
  }
  const data = Array.from({ length: 20 }, (_, feature) => ((index * (feature + 1)) % 1000) / 10);
  return JSON.stringify({ inputs: [{ name: 'input', shape: [1, 20], datatype: 'FP64', data }] });
}

let done = 0;
let sent = 0;
const start = monotonic();

function send(index: number, due: number): void {
  const body = bodyOf(index);
  const call = request(
    {
      ...{ agent, host: target.hostname, port: target.port, path: '/', method: 'POST' },
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'ce-specversion': '1.0',
        'ce-type': `${TYPE}${index % 2 === 0 ? 'request' : 'response'}`,
        'ce-id': `call-${process.pid}-${index >> 1}`,
        'ce-source': 'bench',
        'ce-time': new Date().toISOString(),
        'ce-inferenceservicename': values.service,
        'ce-annotations': annotations,
      },
    },
    (response) => {
      response.resume();
      response.on('end', () => {
        statuses[response.statusCode!] = (statuses[response.statusCode!] ?? 0) + 1;
        finish(index, due);
      });
    },
  );
  call.on('error', (error: NodeJS.ErrnoException) => {
    statuses[error.code ?? 'error'] = (statuses[error.code ?? 'error'] ?? 0) + 1;
    finish(index, due);
  });
  call.end(body);
}

function finish(index: number, due: number): void {
  latencies[index] = monotonic() - due;
  if (++done < events) return;
  const seconds = (monotonic() - start) / 1000;
  // Both sides are compiled while they begin.
  const warm = latencies.slice(Math.floor(events / 10)).sort();
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => quantile(warm, share));
  process.stdout.write(
    `${JSON.stringify({ events, seconds, perSecond: events / seconds, p50, p99, p999, statuses })}\n`,
  );
  agent.destroy();
}

function tick(): void {
  const due = Math.min(events, Math.floor(((monotonic() - start) / 1000) * rate));
  for (; sent < due; sent++) send(sent, start + (sent / rate) * 1000);
  if (sent < events) setTimeout(tick, 1);
}
tick();
