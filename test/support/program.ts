import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleApp } from './bundle';

/** How a call ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** Messages of the errors in the log. */
  readonly errors: readonly string[];
  /** Everything on standard error. */
  readonly stderr: string;
}

/** One call that runs. */
export interface Running {
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

/** The bundled program, as the image has it, with a directory of its own for temporary files. */
export class Program {
  public static build(app: 'drift-checker' | 'gate-evaluator'): Program {
    const directory = mkdtempSync(join(tmpdir(), `${app}-`));
    bundleApp(app, join(directory, 'bundle'));
    const temporary = join(directory, 'tmp');
    mkdirSync(temporary);
    return new Program(directory, temporary);
  }

  private constructor(
    private readonly directory: string,
    /** Where the program keeps temporary files. */
    public readonly temporary: string,
  ) {}

  /** Starts a call with this environment and nothing of the caller's. */
  public start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const child = spawn(process.execPath, [join(this.directory, 'bundle/main.js'), ...args], {
      env: { TMPDIR: this.temporary, AWS_EC2_METADATA_DISABLED: 'true', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => resolve({ code, stdout, stderr, errors: messagesOf(stderr) }));
    });
    return { ended, kill: (signal) => child.kill(signal) };
  }

  public run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> {
    return this.start(args, env).ended;
  }

  public remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The messages of errors; a line that is no structured log is kept as it is. */
function messagesOf(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      if (!line.startsWith('{')) return [line];
      const { level, msg } = JSON.parse(line) as { level: string; msg: string };
      return level === 'error' ? [msg] : [];
    });
}
