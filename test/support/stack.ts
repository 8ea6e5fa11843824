import { App, TerraformStack, Testing } from 'cdktf';
import { checkStack } from '../aws/provider-schema';
import { type Rendered } from './synth';

/** A stack as Terraform reads it. */
export class SynthesizedStack {
  /** Synthesizes what is built in a stack whose path is `test`; what the provider's own schema refuses is an error. */
  public static of(build: (stack: TerraformStack) => void): SynthesizedStack {
    const stack = new TerraformStack(new App(), 'test');
    build(stack);
    const text = Testing.synth(stack);
    const problems = checkStack(text);
    if (problems.length > 0) throw new Error(`Terraform would refuse:\n${problems.join('\n')}`);
    return new SynthesizedStack(JSON.parse(text));
  }

  private constructor(private readonly tree: Rendered) {}

  /** The resources of a type by their logical ids. */
  public byId(type: string): Record<string, Rendered> {
    return this.tree.resource[type] ?? {};
  }

  /** The resources of a type. */
  public all(type: string): Rendered[] {
    return Object.values(this.byId(type));
  }

  /** The only resource of a type. */
  public one(type: string): Rendered {
    const found = this.all(type);
    if (found.length !== 1) throw new Error(`${found.length} resources are ${type}`);
    return found[0];
  }

  /** The only module of a source. */
  public module(source: string): Rendered {
    const found = Object.values<Rendered>(this.tree.module ?? {}).filter((each) => each.source === source);
    if (found.length !== 1) throw new Error(`${found.length} modules are ${source}`);
    return found[0];
  }

  /** Types of everything that is only read. */
  public get dataTypes(): string[] {
    return Object.keys(this.tree.data ?? {});
  }

  /** The value of an output. */
  public output(id: string): Rendered {
    return this.tree.output[id].value;
  }

  /** Types and logical ids of everything that is made. */
  public get ids(): string[] {
    return Object.entries<Rendered>(this.tree.resource).flatMap(([type, each]) =>
      Object.keys(each as object).map((id) => `${type}.${id}`),
    );
  }
}
