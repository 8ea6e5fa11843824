import { type k8s } from 'cdk8s-plus-29';
import { dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';

/** A key of a Secret that exists in the cluster. The value is never seen by the program. Immutable data. */
export class SecretReference {
  /**
   * The value under `key` of the Secret `name`, in the namespace of whoever uses it.
   *
   * @throws ValidationError when the name or key is none that Kubernetes allows.
   */
  public static of(name: string, key: string): SecretReference {
    const problems = new Problems('SecretReference');
    problems.check('name', name, dnsSubdomainProblem(name));
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) {
      problems.add('key', key, 'must be a key of a Secret: letters, digits, hyphens, underscores and dots');
    }
    problems.throwIfAny();
    return new SecretReference(name, key);
  }

  private constructor(
    /** Name of the Secret. */
    public readonly name: string,
    /** Key within the Secret. */
    public readonly key: string,
  ) {}

  /** @internal */
  public _toEnvVar(variable: string): k8s.EnvVar {
    return { name: variable, valueFrom: { secretKeyRef: { name: this.name, key: this.key } } };
  }
}
