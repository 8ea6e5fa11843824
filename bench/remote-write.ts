/** A series with the samples that are added to it. */
export interface WrittenSeries {
  /** Among them `__name__`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Times in milliseconds and values. */
  readonly samples: readonly (readonly [time: number, value: number])[];
}

/**
 * Adds samples to a Prometheus that was started with `--web.enable-remote-write-receiver`.
 *
 * @see https://prometheus.io/docs/concepts/remote_write_spec/
 */
export async function remoteWrite(url: string, series: readonly WrittenSeries[]): Promise<void> {
  const body = asSnappy(Buffer.concat(series.map((each) => field(1, encoded(each)))));
  const headers = { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' };
  const answer = await fetch(`${url}/api/v1/write`, { method: 'POST', headers, body: new Uint8Array(body) });
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
}

function encoded({ labels, samples }: WrittenSeries): Buffer {
  const text = (number: number, value: string): Buffer => field(number, Buffer.from(value));
  // The specification wants them sorted.
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat([
    ...sorted.map(([name, value]) => field(1, Buffer.concat([text(1, name), text(2, value)]))),
    ...samples.map(([time, value]) => {
      const double = Buffer.alloc(9);
      double[0] = (1 << 3) | 1;
      double.writeDoubleLE(value, 1);
      return field(2, Buffer.concat([double, Buffer.from([2 << 3]), varint(time)]));
    }),
  ]);
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

const LONGEST_LITERAL = 65_536;

/** Snappy's block format without any compression: the length, and pieces of up to 64 KiB as they are. */
function asSnappy(content: Buffer): Buffer {
  const pieces = [varint(content.length)];
  for (let start = 0; start < content.length; start += LONGEST_LITERAL) {
    const piece = content.subarray(start, start + LONGEST_LITERAL);
    const length = piece.length - 1;
    // A literal whose length, less one, follows in two bytes.
    pieces.push(Buffer.from([61 << 2, length & 255, length >> 8]), piece);
  }
  return Buffer.concat(pieces);
}
