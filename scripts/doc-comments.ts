import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ts from 'typescript';

/** What the comments in the files of a folder say of its constants (`NAME`) and of their entries (`NAME.key`), on one line each. */
export function docComments(folder: string): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const statement of ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true).statements) {
      if (!ts.isVariableStatement(statement)) continue;
      for (const declaration of statement.declarationList.declarations) {
        const constant = declaration.name.getText();
        keep(constant, statement);
        for (const entry of entriesOf(declaration.initializer)) keep(`${constant}.${entry.name!.getText()}`, entry);
      }
    }
  }
  return comments;

  function keep(name: string, node: ts.Node): void {
    const said = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
    const comment = ts.getTextOfJSDocComment(said?.comment);
    if (comment !== undefined) comments.set(name, comment.replaceAll(/\s+/g, ' '));
  }
}

/** Entries of an object, also of one with `as const` or `satisfies`. */
function entriesOf(value: ts.Expression | undefined): readonly ts.ObjectLiteralElementLike[] {
  if (value === undefined) return [];
  if (ts.isAsExpression(value) || ts.isSatisfiesExpression(value)) return entriesOf(value.expression);
  return ts.isObjectLiteralExpression(value) ? value.properties.filter(ts.isPropertyAssignment) : [];
}
