import { OtaError } from '../core/errors.ts';
import { formatProblem, type Problem } from '../core/schema.ts';

/** Collects everything wrong with one channel, so that all of it is reported at once. */
export interface ChannelCheck {
  add(path: string, message: string): void;
  /** The value of `read`, or nothing after noting the `channel-invalid` that it threw. */
  read<Value>(path: string, read: () => Value): Value | undefined;
  /** Throws `OtaError('channel-invalid')` when anything was noted. */
  finish(): void;
}

export function createChannelCheck(transport: string): ChannelCheck {
  const problems: Problem[] = [];
  return {
    add: (path, message) => void problems.push({ path, message }),
    read(path, read) {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof OtaError) || error.code !== 'channel-invalid') throw error;
        problems.push({ path, message: error.message });
        return undefined;
      }
    },
    finish() {
      if (problems.length > 0) throw channelInvalid(transport, problems);
    },
  };
}

/** The error of a channel whose settings cannot be used; one detail a problem. */
export function channelInvalid(transport: string, problems: readonly Problem[]): OtaError {
  return new OtaError('channel-invalid', `the ${transport} channel is not valid`, {
    details: problems.map(formatProblem),
    hint: `Correct \`deployment.channels.${transport}\` in the manifest, the release's overrides, or \`--set\`.`,
  });
}
