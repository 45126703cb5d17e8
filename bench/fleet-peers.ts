/** Processes of the fleet's benchmarks: started as children, so that what is measured has a process of its own. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { pullTopics } from '../tools/core/chunks/pull.ts';
import { createPullClient } from '../tools/core/chunks/pull-client.ts';
import { parseTopicTemplate } from '../tools/core/fleet/commands/topic-template.ts';

const { connectAsync } = await import('mqtt');
const [role = '', url = '', ...rest] = process.argv.slice(2);
const numbers = rest.map(Number);

const connect = (clientId: string) =>
  connectAsync(url, { clientId, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 30_000 });

/** Subscribes many clients to a topic, and tells each time when all of them have got so many bytes more. */
async function subscribers(topic: string, count: number, bytes: number): Promise<void> {
  let received = 0;
  for (let index = 0; index < count; index += 1) {
    const client = await connect(`${topic}-${index}`);
    client.on('message', (_topic, payload) => {
      received += payload.length;
      if (received < count * bytes) return;
      received = 0;
      process.send?.('complete');
    });
    await client.subscribeAsync(topic, { qos: 1 });
  }
  process.send?.('ready');
  await once(process, 'disconnect');
}

/** Pulls a file with many clients at once, as devices do. */
async function pullers(count: number, sizeBytes: number, chunkBytes: number): Promise<void> {
  const clients = [];
  for (let index = 0; index < count; index += 1) clients.push(await connect(`pull-${index}`));
  const response = parseTopicTemplate(pullTopics.response, ['requestId', 'n']);
  const request = parseTopicTemplate(pullTopics.request, ['requestId', 'n']);
  process.send?.('ready');
  await once(process, 'message');
  const downloads = clients.map(async (client, index) => {
    const requestId = `d${index}`;
    const hash = createHash('sha256');
    const pull = createPullClient(sizeBytes, chunkBytes, (bytes) => hash.update(bytes));
    await client.subscribeAsync(response.filter.replace('+', requestId), { qos: 0 });
    const ask = (n: number) =>
      client.publish(request.expand({ requestId, n: String(n) }), String(chunkBytes), { qos: 0 });
    await new Promise<void>((resolve) => {
      client.on('message', (topic, payload) => {
        pull.receive(Number(response.match(topic)?.n), payload);
        const next = pull.wanted();
        if (next === undefined) resolve();
        else ask(next);
      });
      ask(0);
    });
    return hash.digest('hex');
  });
  process.send?.([...new Set(await Promise.all(downloads))]);
  await once(process, 'disconnect');
}

/** Sends so many status messages a second, for so many seconds, in the name of 500 devices. */
async function talkers(perSecond: number, seconds: number): Promise<void> {
  const client = await connect('talkers');
  process.send?.('ready');
  await once(process, 'message');
  const startedAt = Date.now();
  for (let sent = 0; sent < perSecond * seconds; ) {
    const due = Math.min(perSecond * seconds, ((Date.now() - startedAt) * perSecond) / 1000);
    for (; sent < due; sent += 1) {
      const status = {
        timestamp_us: sent,
        uptime_sec: 3600 + sent,
        status: 2,
        progress_pct: sent % 100,
        message: 'Downloading firmware update',
        current_version: '1.0.0',
        available_version: '1.1.0',
        rollback_pending: false,
        free_heap: 95632,
      };
      client.publish(`fleet/dev-${sent % 500}/ota/status`, JSON.stringify(status), { qos: 0 });
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  process.send?.('done');
  await once(process, 'disconnect');
}

if (role === 'subscribers') await subscribers(rest[1] ?? '', numbers[0] ?? 0, numbers[2] ?? 0);
if (role === 'pullers') await pullers(numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0);
if (role === 'talkers') await talkers(numbers[0] ?? 0, numbers[1] ?? 0);
process.exit(0);
