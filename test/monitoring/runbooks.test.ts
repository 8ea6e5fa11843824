import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_ALERTS } from '../../lib/monitoring/alert-names';

const directory = join(__dirname, '../../docs/runbooks');
const SECTIONS = ['Meaning', 'Likely causes', 'What to look at', 'What to do', 'How to silence'];

test('every default alert has its page, and every page its alert', () => {
  expect(readdirSync(directory).sort()).toEqual([...DEFAULT_ALERTS].map((alert) => `${alert}.md`).sort());
});

test.each(DEFAULT_ALERTS)('the page of %s says all that it must', (alert) => {
  const text = readFileSync(join(directory, `${alert}.md`), 'utf8');
  expect(text.startsWith(`# ${alert}\n`)).toBe(true);
  expect([...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(SECTIONS);
  expect(text).toContain(`alertname=${alert} `);
  for (const section of text.split(/^## .+$/m).slice(1)) expect(section.trim().length).toBeGreaterThan(40);
  for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) expect(existsSync(join(directory, target!))).toBe(true);
});
