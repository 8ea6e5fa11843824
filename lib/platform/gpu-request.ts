import { Problems } from '../validation/problems';
import { NVIDIA_GPU } from './node-pool';

/** GPUs of one container. Immutable data. */
export class GpuRequest {
  /**
   * Whole GPUs (or time slices of them, where the device plugin shares them).
   *
   * @throws ValidationError when the count is not a whole number from 1 on.
   */
  public static nvidia(count: number): GpuRequest {
    return new GpuRequest(NVIDIA_GPU, count);
  }

  /**
   * MIG partitions, where the device plugin advertises them by profile (`MigStrategy.MIXED`).
   *
   * @param profile for example `1g.10gb`
   * @throws ValidationError when the profile is none or the count is not a whole number from 1 on.
   */
  public static mig(profile: string, count: number): GpuRequest {
    return new GpuRequest(`nvidia.com/mig-${profile}`, count);
  }

  private constructor(
    /** The extended resource that is asked for. */
    public readonly resourceName: string,
    /** How many of it. */
    public readonly count: number,
  ) {
    const problems = new Problems('GpuRequest');
    if (!Number.isInteger(count) || count < 1) problems.add('count', count, 'must be a whole number from 1 on');
    if (resourceName !== NVIDIA_GPU && !/^nvidia\.com\/mig-\d+g\.\d+gb(\.me)?$/.test(resourceName)) {
      problems.add('profile', resourceName, "must be a MIG profile, for example '1g.10gb'");
    }
    problems.throwIfAny();
  }

  /** Whether whole GPUs are asked for, and not partitions of them. */
  public get isWhole(): boolean {
    return this.resourceName === NVIDIA_GPU;
  }
}
