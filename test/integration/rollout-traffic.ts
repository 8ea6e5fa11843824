import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS } from 'cdk8s-mlops/contract';
import { type RealServer } from './real-servers';
import { freePort, Server } from './server';

/** Seconds between two scrapes. */
export const SCRAPE = 15;
const PAST = 1_800;
/** A test may take as long. */
const FUTURE = 1_800;

/** What one replica of a collector counts of a version, between two scrapes unless it says otherwise. */
export interface Traffic {
  readonly version: string;
  /** @default a */
  readonly pod?: string;
  readonly requests: number;
  /** @default - all */
  readonly responses?: number;
  /** Answers by bucket, cumulative, up to the one that has them all. */
  readonly durations?: Readonly<Record<string, number>>;
  /**
   * Mean answer time in seconds; answers are counted as much later.
   *
   * @default 0.06
   */
  readonly mean?: number;
  readonly classes?: Readonly<Record<string, number>>;
  /** Predicted numbers by bucket, cumulative, up to the one that has them all. */
  readonly values?: Readonly<Record<string, number>>;
  /** Seconds ago that the replica began anew, at 0. */
  readonly restarted?: number;
  /** Seconds ago that it was met first. */
  readonly began?: number;
  /** Seconds ago that it got the last request. */
  readonly ended?: number;
  /** Seconds ago that it was scraped for the last time. */
  readonly gone?: number;
}

/** What Prometheus knows of a model in one namespace. */
export interface Scene {
  /** Versions by their roles. */
  readonly stable: readonly string[];
  readonly candidate: readonly string[];
  readonly traffic: readonly Traffic[];
  /** Measured accuracy by version. */
  readonly accuracy?: Readonly<Record<string, number>>;
}

type Labels = Readonly<Record<string, string>>;
/** Writes a series: its value at each scrape, counted from 0, where it has one. */
type Line = (name: string, labels: Labels, at: (scrape: number) => number | undefined) => void;

/** A Prometheus that has scraped these scenes, one a namespace, for half an hour, and will have for another. */
export async function prometheusWith(
  directory: string,
  model: string,
  scenes: Readonly<Record<string, Scene>>,
): Promise<RealServer> {
  const lines: string[] = [];
  const begin = Math.floor(Date.now() / 1000) - PAST;
  for (const [namespace, scene] of Object.entries(scenes)) {
    writeScene(scene, (name, labels, at) => {
      const all = Object.entries({ model, namespace, ...labels });
      const series = `${name}{${all.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`;
      for (let scrape = 0; scrape * SCRAPE <= PAST + FUTURE; scrape++) {
        const value = at(scrape);
        if (value !== undefined) lines.push(`${series} ${value} ${begin + scrape * SCRAPE}`);
      }
    });
  }
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'scenes.om');
  writeFileSync(file, `${lines.join('\n')}\n# EOF\n`);
  const data = join(directory, 'data');
  const made = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, data], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`promtool: ${made.error?.message ?? made.stderr + made.stdout}`);
  return startPrometheus(directory, await freePort());
}

/** The same one again. */
export async function startPrometheus(directory: string, port: number): Promise<RealServer> {
  const config = join(directory, 'prometheus.yml');
  writeFileSync(config, 'scrape_configs: []\n');
  const data = join(directory, 'data');
  const url = `http://127.0.0.1:${port}`;
  const listen = `--web.listen-address=127.0.0.1:${port}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${data}`, listen];
  return { server: await Server.start('prometheus', args, {}, `${url}/-/ready`), url };
}

function writeScene({ stable, candidate, traffic, accuracy = {} }: Scene, line: Line): void {
  const roles = { stable, candidate };
  for (const [role, versions] of Object.entries(roles))
    for (const version of versions) line(METRICS.versionInfo.name, { version, role }, () => 1);
  for (const [version, value] of Object.entries(accuracy)) {
    line(METRICS.accuracy.name, { version, estimated: 'false' }, () => value);
    line(METRICS.accuracy.name, { version, estimated: 'true' }, () => 0.5);
  }
  for (const each of traffic) writeTraffic(each, line);
}

function writeTraffic(traffic: Traffic, line: Line): void {
  const { version, pod = 'a', requests, responses = requests, restarted, began, ended, gone } = traffic;
  const { durations, mean = 0.06, classes, values } = traffic;
  const scrapeBefore = (seconds: number): number => Math.floor((PAST - seconds) / SCRAPE);
  const first = began === undefined ? 0 : scrapeBefore(began);
  const restart = restarted === undefined ? Infinity : scrapeBefore(restarted);
  const end = ended === undefined ? Infinity : scrapeBefore(ended);
  const last = gone === undefined ? Infinity : scrapeBefore(gone);
  const counter = (name: string, rate: number, labels: Labels = {}, late = 0): void =>
    line(name, { version, pod, ...labels }, (scrape) => {
      if (scrape < first || scrape > last) return undefined;
      const counted = Math.min(scrape, end);
      // What begins anew is scraped when the first calls are counted already.
      return rate * Math.max(0, (counted < restart ? counted - first : counted - restart + 1) - late);
    });
  const histogram = (name: string, buckets: Readonly<Record<string, number>>): void => {
    for (const [le, count] of Object.entries(buckets)) counter(`${name}_bucket`, count, { le });
    const all = Math.max(...Object.values(buckets));
    counter(`${name}_bucket`, all, { le: '+Inf' });
    counter(`${name}_count`, all);
    counter(`${name}_sum`, all * mean);
  };
  counter(METRICS.inferenceRequests.name, requests);
  counter(METRICS.inferenceResponses.name, responses, {}, Math.round(mean / SCRAPE));
  for (const [name, count] of Object.entries(classes ?? {}))
    counter(METRICS.predictionClass.name, count, { class: name });
  if (durations) histogram(METRICS.inferenceDuration.name, durations);
  if (values) histogram(METRICS.predictionValue.name, values);
}
