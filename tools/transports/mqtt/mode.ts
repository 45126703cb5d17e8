import { OtaError } from '../../core/errors.ts';
import {
  parseTopicTemplate,
  type TopicTemplate,
} from '../../core/fleet/commands/topic-template.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { expandTemplate, templateVariables } from '../../core/release/template.ts';
import type { ChannelCheck } from '../channel-check.ts';
import type { MqttChannel } from './plan.ts';

/** In which form the firmware is published. */
export type MqttMode = { readonly kind: 'binary' } | AnnounceMode | ChunkedMode;

export interface AnnounceMode {
  readonly kind: 'announce';
  readonly url: string;
  /** The delivery ends when these devices run the version. */
  readonly followed?: FollowedDevices;
}

export interface FollowedDevices {
  readonly devices: readonly string[];
  readonly statusTopic: TopicTemplate;
  readonly deadlineMs: number;
}

export interface ChunkedMode {
  readonly kind: 'chunked';
  readonly chunkBytes: number;
  /** Chunks on their way to the broker at the same time. */
  readonly window: number;
  readonly deadlineMs: number;
  readonly settleMs: number;
  readonly devices: readonly string[];
}

/** The settings that only some modes have. */
const settingsOf = {
  binary: [],
  announce: ['url', 'status_topic', 'devices', 'deadline'],
  chunked: ['chunk_size', 'window', 'settle', 'devices', 'deadline'],
} as const satisfies Record<MqttMode['kind'], readonly (keyof MqttChannel)[]>;

const defaultDeadlineS = 600;

/** Notes settings of another mode, and those that are missing. */
export function planMode(
  channel: MqttChannel,
  facts: ArtifactFacts,
  check: ChannelCheck,
): MqttMode | undefined {
  const { mode = 'binary' } = channel;
  const own: readonly string[] = settingsOf[mode];
  for (const key of new Set(Object.values(settingsOf).flat())) {
    if (channel[key] !== undefined && !own.includes(key)) {
      check.add(key, `has no meaning with "mode": "${mode}"`);
    }
  }
  if (mode === 'binary') return { kind: 'binary' };
  if (mode === 'announce') return planAnnounce(channel, facts, check);
  return {
    kind: 'chunked',
    chunkBytes: channel.chunk_size ?? 16_384,
    window: channel.window ?? 16,
    deadlineMs: (channel.deadline ?? defaultDeadlineS) * 1000,
    settleMs: (channel.settle ?? 6) * 1000,
    devices: channel.devices ?? [],
  };
}

function planAnnounce(
  channel: MqttChannel,
  facts: ArtifactFacts,
  check: ChannelCheck,
): AnnounceMode | undefined {
  const { url: template } = channel;
  if (template === undefined) {
    check.add('url', 'is needed for "mode": "announce"');
    return;
  }
  const url = check.read('url', () => {
    const text = expandTemplate(template, templateVariables(facts), encodeURIComponent);
    if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text;
    throw new OtaError('channel-invalid', 'must be an http(s) URL');
  });
  const followed = planFollowed(channel, check);
  if (url === undefined) return;
  return { kind: 'announce', url, ...(followed === undefined ? {} : { followed }) };
}

function planFollowed(channel: MqttChannel, check: ChannelCheck): FollowedDevices | undefined {
  const { devices = [], status_topic: topic, deadline = defaultDeadlineS } = channel;
  if (devices.length === 0) {
    const stray = (['status_topic', 'deadline'] as const).filter((key) => channel[key]);
    for (const key of stray) check.add(key, 'has no meaning without "devices"');
    return;
  }
  if (topic === undefined) {
    check.add('status_topic', 'is needed to follow "devices"');
    return;
  }
  try {
    const statusTopic = parseTopicTemplate(topic, ['device']);
    return { devices, statusTopic, deadlineMs: deadline * 1000 };
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    check.add('status_topic', error.message);
    return;
  }
}

/** Nothing for the ordinary mode. */
export function showMode(mode: MqttMode): Record<string, unknown> {
  if (mode.kind === 'binary') return {};
  if (mode.kind === 'announce') {
    const { url, followed } = mode;
    return { mode: 'announce', url, ...(followed === undefined ? {} : showFollowed(followed)) };
  }
  return {
    mode: 'chunked',
    chunk_size: mode.chunkBytes,
    window: mode.window,
    deadline: mode.deadlineMs / 1000,
    settle: mode.settleMs / 1000,
    devices: mode.devices,
  };
}

function showFollowed({ devices, statusTopic, deadlineMs }: FollowedDevices) {
  return { devices, status_topic: statusTopic.text, deadline: deadlineMs / 1000 };
}
