import { type IncomingMessage } from 'node:http';
import { CAPTURE_OUTCOMES } from 'cdk8s-mlops/contract';
import { type CaptureOutcome } from './capture-metrics';
import { type Memory } from './memory';

/** A body that was not read, and why. */
export class UnreadBody extends Error {
  constructor(
    public readonly outcome: CaptureOutcome,
    message: string,
  ) {
    super(message);
  }
}

/** What a call takes of the memory beside its body, roughly. */
const CALL_BYTES = 2048;

/** Bytes of memory that are held for a body that was read. */
export const heldBytes = (body: Uint8Array): number => body.length + CALL_BYTES;

export function isTooLarge({ headers }: IncomingMessage, limit: number): boolean {
  return Number(headers['content-length'] ?? 0) > limit;
}

/**
 * Reads a body. Its memory is taken piece by piece, and the caller's to give back: {@link heldBytes}.
 *
 * @throws UnreadBody when it is too large, there is no memory for it, or it breaks off
 */
export function readBody(request: IncomingMessage, limit: number, memory: Memory): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    let held = 0;
    const fail = (outcome: CaptureOutcome, message: string): void => {
      request.off('data', take).off('end', end).off('close', broken).resume();
      memory.give(held);
      reject(new UnreadBody(outcome, message));
    };
    const tooLarge = (): void => fail(CAPTURE_OUTCOMES.tooLarge, `the body is larger than ${limit} bytes`);
    const hold = (bytes: number): boolean => {
      const isHeld = memory.take(bytes);
      if (isHeld) held += bytes;
      else fail(CAPTURE_OUTCOMES.shedMemory, 'too much waits already: send it again later');
      return isHeld;
    };
    const take = (part: Buffer): void => {
      if (length + part.length > limit) return tooLarge();
      if (!hold(part.length)) return;
      length += part.length;
      parts.push(part);
    };
    const end = (): void => {
      request.off('close', broken);
      resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, length));
    };
    const broken = (): void => fail(CAPTURE_OUTCOMES.incomplete, 'the body broke off');
    // An error is followed by the close that is listened to.
    request.on('error', () => undefined);
    if (isTooLarge(request, limit)) return tooLarge();
    if (!hold(CALL_BYTES)) return;
    request.on('data', take).once('end', end).once('close', broken);
  });
}
