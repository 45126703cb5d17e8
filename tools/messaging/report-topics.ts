import { OtaError } from '../core/errors.ts';
import { parseStatus } from '../core/fleet/commands/status.ts';
import {
  holdsControls,
  parseTopicTemplate,
  type TopicTemplate,
} from '../core/fleet/commands/topic-template.ts';
import { type EdgeTopic, edgeTopics, parseEdgeNews } from '../core/fleet/news/edge-news.ts';
import { malformed, newsOfStatus, type ParsedNews } from '../core/fleet/news/news.ts';
import type { ReceivedMessage } from '../transports/mqtt/receiver/session.ts';

/** Where devices report, and how they are told. */
export interface ReportTopics {
  /** What to subscribe to. */
  readonly filters: readonly string[];
  /** What a message tells; `undefined` when it came on a topic that means nothing here. */
  read(message: ReceivedMessage): ParsedNews | undefined;
  /** Where a device that asked on this topic listens. */
  commandTopic(topic: string): string | undefined;
}

export interface ReportTopicSettings {
  /** Topics of status messages, with `{device}` and `{model}` or without. */
  readonly statusTopics: readonly string[];
  /** What the topics of edge devices begin with; holds `{device}`. */
  readonly edgeTopic: string | undefined;
}

type Reader = (places: Readonly<Record<string, string>>, message: ReceivedMessage) => ParsedNews;

interface Route {
  readonly topic: TopicTemplate;
  readonly read: Reader;
  readonly command?: TopicTemplate;
}

/** @throws OtaError `topic-invalid`; the topics of edge devices must name the device */
export function createReportTopics(settings: ReportTopicSettings): ReportTopics {
  const routes = [
    ...settings.statusTopics.map(
      (text): Route => ({ topic: parseTopicTemplate(text, ['device', 'model']), read: readStatus }),
    ),
    ...(settings.edgeTopic === undefined ? [] : edgeRoutes(settings.edgeTopic)),
  ];
  function routeOf(topic: string) {
    for (const route of routes) {
      const places = route.topic.match(topic);
      if (places !== undefined) return { route, places };
    }
    return;
  }
  return {
    filters: [...new Set(routes.map(({ topic }) => topic.filter))],
    read(message) {
      const found = routeOf(message.topic);
      if (found === undefined) return;
      if (holdsControls(message.topic)) return malformed('has a control character in its topic');
      if (message.oversizeBytes !== undefined) {
        return malformed(`has ${message.oversizeBytes} bytes`);
      }
      // An empty message clears what the broker keeps.
      if (message.payload.length === 0) return { kind: 'nothing' };
      return found.route.read(found.places, message);
    },
    commandTopic(topic) {
      const found = routeOf(topic);
      return found?.route.command?.expand(found.places);
    },
  };
}

/** A device is who its topic says; where all share one topic, who its message says, else the topic itself. */
const readStatus: Reader = (places, { topic, payload, retained }) => {
  const parsed = parseStatus(payload);
  if (!parsed.ok) return malformed(parsed.problem);
  const { status } = parsed;
  const named = places.device === undefined ? 'by-message' : 'by-topic';
  const deviceId = places.device ?? status.deviceId ?? topic;
  return newsOfStatus({ deviceId, named, retained, ...modelOf(places) }, status);
};

function edgeRoutes(base: string): Route[] {
  if (!base.includes('{device}')) {
    throw new OtaError('topic-invalid', `the topic ${JSON.stringify(base)} holds no {device}`, {
      hint: 'Every edge device has topics of its own, such as paku/edge/{device}.',
    });
  }
  const command = parseTopicTemplate(`${base}/${edgeTopics.command}`, ['device', 'model']);
  const kinds = (Object.keys(edgeTopics) as (keyof typeof edgeTopics)[]).filter(
    (kind): kind is EdgeTopic => kind !== 'command',
  );
  return kinds.map((kind) => ({
    topic: parseTopicTemplate(`${base}/${edgeTopics[kind]}`, ['device', 'model']),
    command,
    read: (places, { payload, retained }) =>
      parseEdgeNews(
        { deviceId: places.device ?? base, named: 'by-topic', retained, ...modelOf(places) },
        kind,
        payload,
      ),
  }));
}

function modelOf({ model }: Readonly<Record<string, string>>): { model?: string } {
  return model === undefined ? {} : { model };
}
