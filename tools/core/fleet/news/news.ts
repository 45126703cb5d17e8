import type { ReportedStatus } from '../attempts/attempt.ts';
import type { AttemptNews } from '../attempts/move.ts';
import { cleanText, type DeviceStatus, exactUptimeS } from '../commands/status.ts';
import type { RunningImage } from '../offers/release-facts.ts';

/** What a message of a device tells, whatever its format. */
export interface DeviceNews {
  readonly deviceId: string;
  /** Whether the topic names the device, which a broker can guard, or only the message. */
  readonly named: 'by-topic' | 'by-message';
  /** The broker kept it from earlier: the last state, of an unknown time. */
  readonly retained: boolean;
  readonly model?: string;
  readonly runs?: RunningImage;
  /** The running image has not confirmed itself yet. */
  readonly onTrial?: boolean;
  /** By the device's own clock; says nothing of a message that the broker kept. */
  readonly uptimeMs?: number;
  /** The device can be told to update: this is its way of asking. */
  readonly asks?: boolean;
  readonly report?: NewsReport;
}

/** How an update goes. Without a version it is about the attempt that is under way. */
export interface NewsReport extends AttemptNews {
  readonly status: ReportedStatus;
  readonly version?: string | undefined;
}

export type ParsedNews =
  | { readonly kind: 'news'; readonly news: DeviceNews }
  | { readonly kind: 'malformed'; readonly problem: string }
  /** Understood, and nothing to learn from it. */
  | { readonly kind: 'nothing' };

/** Who sent a message, as far as its topic tells. */
export type Sender = Pick<DeviceNews, 'deviceId' | 'named' | 'retained'> & {
  readonly model?: string;
};

const longestId = 128;
const longestVersion = 64;

/** What a status message tells (docs/fleet.md, "Status"). */
export function newsOfStatus(sender: Sender, status: DeviceStatus): ParsedNews {
  const { state, currentVersion, availableVersion, rollbackPending } = status;
  const uptimeS = exactUptimeS(status);
  return checkNews({
    ...sender,
    ...(status.model === undefined ? {} : { model: status.model }),
    ...(currentVersion === undefined
      ? {}
      : { runs: { version: currentVersion, build: status.build, imageSha256: undefined } }),
    ...(rollbackPending === true ? { onTrial: true } : {}),
    ...uptimeOf(sender, uptimeS),
    ...(state === 'idle' || state === 'checking'
      ? {}
      : {
          report: {
            status: state,
            version: availableVersion,
            ...(isSetback(state)
              ? { error: reasonOf(status) }
              : { progress: state === 'success' ? undefined : status.progressPct }),
          },
        }),
  });
}

/** Refuses names that no device, model or version can have (the limits of the HTTP interface). */
export function checkNews(news: DeviceNews): ParsedNews {
  const { deviceId, model, runs, report } = news;
  if (!isName(deviceId, longestId)) return malformed('names a device that cannot be');
  if (model !== undefined && !isName(model, longestId)) return malformed('has an impossible model');
  for (const version of [runs?.version, report?.version]) {
    if (version !== undefined && !isName(version, longestVersion)) {
      return malformed(`has an impossible version: ${cleanText(version, 80)}`);
    }
  }
  return { kind: 'news', news };
}

export function malformed(problem: string): ParsedNews {
  return { kind: 'malformed', problem };
}

/** As whole milliseconds, which every database can hold. */
export function uptimeOf(
  { retained }: Sender,
  uptimeS: number | undefined,
): Pick<DeviceNews, 'uptimeMs'> {
  if (uptimeS === undefined || retained) return {};
  return { uptimeMs: Math.min(Math.round(uptimeS * 1000), Number.MAX_SAFE_INTEGER) };
}

function isName(text: string, longest: number): boolean {
  return text !== '' && text.length <= longest && !/[\p{Cc}\p{Cs}\ufffd]/u.test(text);
}

function isSetback(state: DeviceStatus['state']): boolean {
  return state === 'failed' || state === 'rolled_back';
}

function reasonOf({ error, message }: DeviceStatus): string | undefined {
  const said = [error, message].filter((text) => text !== undefined);
  return said.length === 0 ? undefined : said.join(': ');
}
