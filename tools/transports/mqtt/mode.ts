import { OtaError } from '../../core/errors.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { expandTemplate, templateVariables } from '../../core/release/template.ts';
import type { MqttChannel } from './plan.ts';

/** In which form the firmware is published. */
export type MqttMode =
  | { readonly kind: 'binary' }
  | { readonly kind: 'announce'; readonly url: string }
  | ChunkedMode;

export interface ChunkedMode {
  readonly kind: 'chunked';
  readonly chunkBytes: number;
  /** Chunks on their way to the broker at the same time. */
  readonly window: number;
  readonly deadlineMs: number;
  readonly settleMs: number;
  readonly devices: readonly string[];
}

const chunkedKeys = ['chunk_size', 'window', 'deadline', 'settle', 'devices'] as const;

/** @throws OtaError `channel-invalid` for settings of another mode */
export function planMode(channel: MqttChannel, facts: ArtifactFacts): MqttMode {
  const mode = channel.mode ?? 'binary';
  if (mode !== 'announce' && channel.url !== undefined)
    throw invalid('has no meaning without "mode": "announce"');
  if (mode === 'announce' && channel.url === undefined)
    throw invalid('is needed for "mode": "announce"');
  const stray =
    mode === 'chunked' ? undefined : chunkedKeys.find((key) => channel[key] !== undefined);
  if (stray !== undefined) throw invalid(`stands beside "${stray}", which needs "mode": "chunked"`);
  if (mode === 'binary') return { kind: 'binary' };
  if (mode === 'announce') {
    const url = expandTemplate(channel.url ?? '', templateVariables(facts), encodeURIComponent);
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw invalid('must be an http(s) URL');
    return { kind: 'announce', url };
  }
  return {
    kind: 'chunked',
    chunkBytes: channel.chunk_size ?? 16_384,
    window: channel.window ?? 16,
    deadlineMs: (channel.deadline ?? 600) * 1000,
    settleMs: (channel.settle ?? 6) * 1000,
    devices: channel.devices ?? [],
  };
}

/** Nothing for the ordinary mode. */
export function showMode(mode: MqttMode): Record<string, unknown> {
  if (mode.kind === 'binary') return {};
  if (mode.kind === 'announce') return { mode: 'announce', url: mode.url };
  return {
    mode: 'chunked',
    chunk_size: mode.chunkBytes,
    window: mode.window,
    deadline: mode.deadlineMs / 1000,
    settle: mode.settleMs / 1000,
    devices: mode.devices,
  };
}

function invalid(message: string): OtaError {
  return new OtaError('channel-invalid', message);
}
