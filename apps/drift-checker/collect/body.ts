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

/**
 * Reads a body. Its memory is taken piece by piece, and the caller's to give back.
 *
 * @throws UnreadBody when it is too large, there is no memory for it, or it breaks off
 */
export function readBody(request: IncomingMessage, limit: number, memory: Memory): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const fail = (outcome: CaptureOutcome, message: string): void => {
      request.off('data', take).off('end', end).off('close', broken).resume();
      memory.give(length);
      reject(new UnreadBody(outcome, message));
    };
    const tooLarge = (): void => fail(CAPTURE_OUTCOMES.tooLarge, `the body is larger than ${limit} bytes`);
    const take = (part: Buffer): void => {
      if (length + part.length > limit) return tooLarge();
      if (!memory.take(part.length))
        return fail(CAPTURE_OUTCOMES.shedMemory, 'too much waits already: send it again later');
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
    if (Number(request.headers['content-length'] ?? 0) > limit) return tooLarge();
    request.on('data', take).once('end', end).once('close', broken);
  });
}
