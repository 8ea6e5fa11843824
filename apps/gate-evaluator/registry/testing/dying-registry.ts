import { type Registry } from '../registry';

/** A registry whose user dies at its nth call, before or after the call took effect: from then on nothing reaches it. */
export function dying(
  registry: Registry,
  nth: number,
  when: 'before' | 'after',
): { registry: Registry; died: () => boolean } {
  let calls = 0;
  let dead = false;
  const die = (): never => {
    dead = true;
    throw new Error('killed');
  };
  const proxy = new Proxy(registry, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => {
        if (dead || (++calls === nth && when === 'before')) die();
        const result: unknown = await (member as (...all: unknown[]) => unknown).apply(target, args);
        if (calls === nth && when === 'after') die();
        return result;
      };
    },
  });
  return { registry: proxy, died: () => dead };
}
