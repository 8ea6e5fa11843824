import { Problems } from '../validation/problems';
import { objectStoreUriProblem } from '../validation/uri';
import { type NamespaceAccess } from './object-access';

/** What containers of the user's own do with a folder of an object store. Immutable data. */
export class ObjectGrant {
  /**
   * Lists and reads what is there.
   *
   * @param uri a folder or an object, for example `s3://acme-data/payments`
   * @throws ValidationError when the address is none.
   */
  public static read(uri: string): ObjectGrant {
    return new ObjectGrant('read', uri, { reads: true, writes: false, deletes: false });
  }

  /**
   * Writes into a folder, without looking at what is there.
   *
   * @param uri for example `s3://acme-data/scores`
   * @throws ValidationError when the address is none.
   */
  public static write(uri: string): ObjectGrant {
    return new ObjectGrant('write', uri, { reads: false, writes: true, deletes: false });
  }

  /**
   * Lists, reads, writes and deletes what is in a folder: for writers that replace what they wrote, such as Spark's.
   *
   * @param uri for example `s3://acme-data/features`
   * @throws ValidationError when the address is none.
   */
  public static manage(uri: string): ObjectGrant {
    return new ObjectGrant('manage', uri, { reads: true, writes: true, deletes: true });
  }

  private constructor(
    what: string,
    /** Address of the folder. */
    public readonly uri: string,
    private readonly may: Pick<NamespaceAccess, 'reads' | 'writes' | 'deletes'>,
  ) {
    const problems = new Problems(`ObjectGrant.${what}`);
    problems.check('uri', uri, objectStoreUriProblem(uri));
    problems.throwIfAny();
  }

  /** @internal */
  public _access(serviceAccountName: string, purpose: string): NamespaceAccess {
    return { serviceAccountName, uri: this.uri, ...this.may, purpose };
  }
}
