import { expect, it, onTestFinished } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import type { ClaimedNumber } from '../../tools/core/fleet/news/status-intake.ts';
import { createReportFeed } from '../../tools/messaging/report-feed.ts';
import { createReportTopics } from '../../tools/messaging/report-topics.ts';
import { parseBroker } from '../../tools/transports/mqtt/connection/broker-url.ts';
import { testBroker } from '../support/fleet.ts';
import { memoryLog, reportTopics } from '../support/report-feed.ts';

it('a feed whose session went to another process does not say that it is connected', async () => {
  const broker = await testBroker();
  const lost = new AbortController();
  const numbers: ClaimedNumber[] = [
    { number: 0, lost: lost.signal, release: async () => undefined },
  ];
  const feed = createReportFeed({
    broker: parseBroker(broker.url),
    tls: {},
    username: undefined,
    password: undefined,
    group: 'g',
    topics: createReportTopics(reportTopics),
    intake: { take: async () => ({ outcome: 'taken' }) },
    sessions: {
      async claim() {
        const claimed = numbers.pop();
        if (claimed === undefined) throw new OtaError('database-failed', 'the database is away');
        return claimed;
      },
      claimOrphan: async () => undefined,
    },
    random: () => 0,
  });
  feed.start(memoryLog().log);
  onTestFinished(() => feed.stop());
  await expect.poll(() => feed.state().connected).toBe(true);
  lost.abort();
  await expect.poll(() => feed.state().connected).toBe(false);
});
