import type { ReportedStatus } from '../attempts/attempt.ts';
import { cleanText, parseMessage, readCount, readPercent, readText } from '../commands/status.ts';
import { checkNews, malformed, type ParsedNews, type Sender, uptimeOf } from './news.ts';

/** Below the topic of an edge device of seed 003: what it says, and what it listens to (seeds-behaviour.md, 4.6). */
export const edgeTopics = {
  status: 'status',
  accepted: 'ota/status',
  progress: 'ota/progress',
  result: 'ota/result',
  command: 'cmd/ota',
} as const;

export type EdgeTopic = Exclude<keyof typeof edgeTopics, 'command'>;

/** The words for `result_code`. 10 is not about the update that is under way, but about a second one. */
const resultNames = [
  'ok',
  'no Wi-Fi',
  'download failed',
  'verification failed',
  'installation failed',
  'no partition',
  'bad URL',
  'timeout',
  'no space',
  'bad firmware',
  'already running',
  'rollback failed',
] as const;
const alreadyRunning = 10;

const readers: Readonly<
  Record<EdgeTopic, (sender: Sender, message: Record<string, unknown>) => ParsedNews>
> = {
  status: readState,
  accepted: readAccepted,
  progress: readProgress,
  result: readResult,
};

/** Reads a message of an edge device. Never throws: one that is not understood is a counted result. */
export function parseEdgeNews(sender: Sender, topic: EdgeTopic, payload: Uint8Array): ParsedNews {
  const message = parseMessage(payload);
  if (typeof message === 'string') return malformed(message);
  return readers[topic](sender, message);
}

/** The command to fetch a release, as the device expects it. */
export function formatEdgeCommand(command: {
  readonly url: string;
  readonly version: string;
  /** Lowercase hex. */
  readonly sha256: string;
}): string {
  const { url, version, sha256 } = command;
  return JSON.stringify({ url, version, checksum: sha256 });
}

/** What it is and what it runs; the broker says `{"online":false}` for it when it is gone. */
function readState(sender: Sender, message: Record<string, unknown>): ParsedNews {
  if (message.online === false) return { kind: 'nothing' };
  const version = text(message.firmware_version);
  const model = text(message.device_model);
  const uptimeS = readCount(message.uptime_s) ?? readCount(message.uptime_seconds);
  return checkNews({
    ...sender,
    asks: true,
    ...(model === undefined ? {} : { model }),
    ...(version === undefined
      ? {}
      : { runs: { version, build: undefined, imageSha256: undefined } }),
    ...uptimeOf(sender, uptimeS),
  });
}

function readAccepted(sender: Sender, message: Record<string, unknown>): ParsedNews {
  if (message.status !== 'accepted') {
    return malformed(
      `has an unknown status: ${cleanText(JSON.stringify(message.status) ?? '', 40)}`,
    );
  }
  return checkNews({ ...sender, report: { status: 'pending', version: versionOf(message) } });
}

/** The words of the seed's collector: everything but these two is a download. */
function readProgress(sender: Sender, message: Record<string, unknown>): ParsedNews {
  const state = typeof message.state === 'string' ? message.state.toLowerCase() : undefined;
  if (state === undefined) return malformed('has no field "state"');
  const status: ReportedStatus =
    state === 'installing' ? 'installing' : state === 'verifying' ? 'downloaded' : 'downloading';
  const bytes = readCount(message.downloaded);
  return checkNews({
    ...sender,
    report: {
      status,
      version: versionOf(message),
      progress: readPercent(message.percent),
      bytes: bytes === undefined ? undefined : Math.min(Math.round(bytes), Number.MAX_SAFE_INTEGER),
    },
  });
}

function readResult(sender: Sender, message: Record<string, unknown>): ParsedNews {
  const { success, result_code: code } = message;
  if (code === alreadyRunning) return { kind: 'nothing' };
  const version = versionOf(message);
  if (success === true || (success === undefined && code === 0)) {
    return checkNews({ ...sender, report: { status: 'success', version } });
  }
  if (success !== false && typeof code !== 'number') return malformed('has no field "success"');
  const name = typeof code === 'number' ? (resultNames[code] ?? `code ${code}`) : undefined;
  const error = [name, text(message.message)].filter((part) => part !== undefined).join(': ');
  return checkNews({
    ...sender,
    report: { status: 'failed', version, error: error === '' ? undefined : error },
  });
}

/** The version that is being installed; beside it, `version` would be the one that runs. */
function versionOf(message: Record<string, unknown>): string | undefined {
  return text(message.target_version) ?? text(message.version);
}

/** A text that says something. */
function text(value: unknown): string | undefined {
  const read = readText(value);
  return read === '' ? undefined : read;
}
