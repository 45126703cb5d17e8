import { onTestFinished } from 'vitest';
import type {
  FeedLog,
  StatusFeed,
  StatusFeedParts,
} from '../../tools/core/fleet/news/status-intake.ts';
import { createReportFeed } from '../../tools/messaging/report-feed.ts';
import {
  createReportTopics,
  type ReportTopicSettings,
} from '../../tools/messaging/report-topics.ts';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import { type ServiceOptions, startService } from './service.ts';

/** The same topics as `ota serve` has by default. */
export const reportTopics: ReportTopicSettings = {
  statusTopics: ['bms/ota/status', 'fleet/{device}/ota/status'],
  edgeTopic: 'paku/edge/{device}',
};

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A log that remembers. */
export function memoryLog(): { log: FeedLog; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine['level']) =>
    (data: object, text: string): void =>
      void lines.push({ level, text, data: data as Record<string, unknown> });
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, lines };
}

/** A service of the running test that listens at a broker, too. */
export async function startListeningService(
  brokerUrl: string,
  options: ServiceOptions & { topics?: ReportTopicSettings; group?: string } = {},
) {
  const { log, lines } = memoryLog();
  const openFeed = ({ intake, sessions, installation }: StatusFeedParts): StatusFeed => {
    const broker = parseBroker(brokerUrl);
    return createReportFeed({
      broker,
      tls: {},
      username: broker.username,
      password: broker.password,
      group: options.group ?? `ota-${installation}`,
      topics: createReportTopics(options.topics ?? reportTopics),
      intake,
      sessions,
      random: Math.random,
    });
  };
  const service = await startService({
    ...options,
    openFeed,
    settings: { mqttModel: 'esp32', ...options.settings },
  });
  const { feed: opened } = service.service;
  if (opened === undefined) throw new Error('no feed');
  opened.start(log);
  onTestFinished(() => opened.stop());
  return { ...service, feed: opened, lines };
}
