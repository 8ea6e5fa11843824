/** Text on one line: names and reasons come from data, and none of them may write a line of its own. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, ' ');
}
