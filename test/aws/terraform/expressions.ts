/*
 * What the templates of Terraform's strings refer to: `${aws_s3_bucket.models.arn}/*`. No evaluation: it finds references, names of
 * functions, and templates that are not closed.
 *
 * https://developer.hashicorp.com/terraform/language/expressions
 */

/** `aws_eks_node_group.gpu.resources[0].name`, as `aws_eks_node_group`, `gpu`, `resources`, `[0]`, `name`. */
export type Reference = readonly string[];

export interface Template {
  readonly references: readonly Reference[];
  readonly functions: readonly string[];
  readonly problems: readonly string[];
  /** The only thing that the string is, so that its type is the reference's. */
  readonly sole?: Reference;
  /** Whether the string is one expression, of whatever type. */
  readonly whole: boolean;
}

const KEYWORDS = new Set(['true', 'false', 'null', 'in', 'if', 'else', 'endif', 'endfor']);
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const NONE: Template = { references: [], functions: [], problems: [], whole: false };

/** A reference as it is written. */
export function written(reference: Reference): string {
  return reference.join('.').replaceAll('.[', '[');
}

/** Reads a string of Terraform's JSON. */
export function parseTemplate(text: string): Template {
  return text.includes('${') || text.includes('%{') ? new Scanner(text).template() : NONE;
}

class Scanner {
  private position = 0;
  private readonly references: Reference[] = [];
  private readonly functions: string[] = [];
  private readonly problems: string[] = [];
  /** Variables of `for` expressions. */
  private readonly locals = new Set<string>();

  constructor(private readonly text: string) {}

  public template(): Template {
    let whole = false;
    let sole: Reference | undefined;
    while (this.position < this.text.length) {
      const start = this.position;
      if (!this.interpolation()) this.position++;
      else if (start === 0 && this.position === this.text.length && this.text.startsWith('$')) {
        whole = true;
        const [reference] = this.references;
        if (reference && this.text === `\${${written(reference)}}`) sole = reference;
      }
    }
    const references = this.references.filter(([root]) => !this.locals.has(root!));
    return { references, functions: this.functions, problems: this.problems, whole, sole };
  }

  /** Reads `${...}`, `%{...}` or one of them escaped. */
  private interpolation(): boolean {
    if (/^(\$\$\{|%%\{)/.test(this.rest(3))) {
      this.position += 3;
      return true;
    }
    if (!/^[$%]\{/.test(this.rest(2))) return false;
    this.position += 2;
    this.expression('}', false);
    return true;
  }

  /**
   * Reads up to `closing` and over it.
   *
   * @param isObject - whether names before `=` and `:` are keys
   */
  private expression(closing: string, isObject: boolean): void {
    const start = this.position;
    while (this.position < this.text.length) {
      const char = this.text[this.position]!;
      if (char === closing) {
        this.position++;
        return;
      }
      if (char === '"') this.string();
      else if (char in CLOSING) {
        this.position++;
        this.expression(CLOSING[char]!, char === '{');
      } else if (/[A-Za-z_]/.test(char)) this.identifier(isObject);
      else if (/\d/.test(char)) this.match(/[\w.]+/y);
      else this.position++;
    }
    this.problems.push(`'${closing}' is missing after '${this.text.slice(start)}'`);
  }

  private string(): void {
    this.position++;
    while (this.position < this.text.length) {
      const char = this.text[this.position];
      if (char === '"') {
        this.position++;
        return;
      }
      if (char === '\\') this.position += 2;
      else if (!this.interpolation()) this.position++;
    }
    this.problems.push("'\"' is missing");
  }

  private identifier(isObject: boolean): void {
    const ofResult = this.text[this.position - 1] === '.';
    const name = this.match(/[A-Za-z_][\w-]*/y);
    if (ofResult || KEYWORDS.has(name)) return;
    if (name === 'for') {
      const variables = this.match(/\s+[\w-]+(\s*,\s*[\w-]+)?\s+in\b/y);
      for (const [variable] of variables.matchAll(/[\w-]+/g)) this.locals.add(variable);
      return;
    }
    const reference = [name];
    while (this.traversal(reference));
    const next = this.match(/\s*(\(|::|==|[=:])?/y).trim();
    if (next === '(' || next === '::') this.position -= next.length;
    if (next === '(') this.functions.push(written(reference));
    else if (next === '::') this.match(/[\w:]+/y);
    else if (!(isObject && reference.length === 1 && (next === '=' || next === ':'))) {
      this.references.push(reference);
    } else if (this.locals.has(name)) this.references.push(reference);
  }

  private traversal(reference: string[]): boolean {
    const step = this.match(/\.(?:[A-Za-z_][\w-]*|\d+|\*)|\[\*\]/y);
    if (step !== '') {
      const name = step.replace(/^\./, '');
      reference.push(/^(\d+|\*)$/.test(name) ? `[${name}]` : name);
      return true;
    }
    if (this.text[this.position] !== '[') return false;
    const start = this.position++;
    this.expression(']', false);
    reference.push(this.text.slice(start, this.position));
    return true;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.position += found.length;
    return found;
  }

  private rest(length: number): string {
    return this.text.slice(this.position, this.position + length);
  }
}
