/** Bytes that are held in memory at a time, all together. */
export class Memory {
  private held = 0;

  constructor(private readonly limit: number) {}

  /** Takes some of it, or says that there is not enough. */
  public take(bytes: number): boolean {
    if (this.held + bytes > this.limit) return false;
    this.held += bytes;
    return true;
  }

  public give(bytes: number): void {
    this.held -= bytes;
  }

  public get bytes(): number {
    return this.held;
  }
}
