import * as z from 'zod';
import { CAPTURE_FILE_VERSION, type CaptureFile } from 'cdk8s-mlops/contract';
import { readYamlFile } from '../../common/yaml-file';
import { ADDRESS } from './drift-check-config';

const text = z.string().min(1);
const count = z.int().positive();
const header = z.string().regex(/^[A-Za-z0-9-]+$/, 'expected the name of an HTTP header');

/** The configuration file of `collect` and `compact`; its JSON Schema is published in docs/reference. */
export const CAPTURE_CONFIG: z.ZodType<CaptureFile> = z.strictObject({
  version: z.literal(CAPTURE_FILE_VERSION),
  model: text,
  namespace: text,
  schema: text,
  log: text,
  inferenceServices: z.array(text).min(1),
  registry: ADDRESS.optional(),
  requestIdHeader: header.optional(),
  sampling: z.number().gt(0).max(1),
  retentionDays: count.optional(),
  pairingHours: count,
  labelDays: count,
  limits: z
    .strictObject({
      bodyBytes: count,
      memoryBytes: count,
      bufferBytes: count,
      segmentBytes: count,
      segmentSeconds: count,
      connections: count,
      requestSeconds: count,
    })
    .refine(({ bodyBytes, memoryBytes }) => bodyBytes <= memoryBytes, {
      path: ['bodyBytes'],
      error: 'must not be above memoryBytes: such a body would never be taken',
    })
    .refine(({ segmentBytes, bufferBytes }) => segmentBytes <= bufferBytes, {
      path: ['segmentBytes'],
      error: 'must not be above bufferBytes: such a segment would never be full',
    }),
});

/** @throws Failure with file, line and column of everything that is wrong */
export function readCaptureConfig(path: string): Promise<CaptureFile> {
  return readYamlFile(path, 'the capture configuration', CAPTURE_CONFIG);
}
