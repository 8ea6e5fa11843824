// Lints texts as if they were the content of files: `[{path, code}]` on standard input, messages on standard output.
// A process of its own, because ESLint loads its configuration with import(), which jest's sandbox does not allow.
import { text } from 'node:stream/consumers';
import { ESLint } from 'eslint';

const eslint = new ESLint();
const cases = JSON.parse(await text(process.stdin));
const results = [];
for (const { path, code } of cases) {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: path });
  results.push(result.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`));
}
process.stdout.write(JSON.stringify(results));
