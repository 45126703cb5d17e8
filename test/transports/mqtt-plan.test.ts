import fc from 'fast-check';
import { generate, type Packet, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import type { ArtifactFacts } from '../../tools/core/release/delivery.ts';
import { createPublishHead } from '../../tools/transports/mqtt/connection/publish-packet.ts';
import { expandTopic } from '../../tools/transports/mqtt/topic.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { factsOf } from '../support/deliveries.ts';

const broker = 'mqtts://broker.example';

function prepare(channel: object, changes: Partial<ArtifactFacts> = {}) {
  const artifact = factsOf(Buffer.from('firmware'), changes);
  const [delivery] = mqtt.prepare(channel, { artifact, devices: [] });
  if (delivery === undefined) throw new Error('no delivery');
  return delivery;
}

/** The findings about a channel; what it should have thrown is part of the test. */
function problemsOf(channel: object): readonly string[] {
  try {
    prepare(channel);
  } catch (error) {
    if (error instanceof OtaError && error.code === 'channel-invalid') return error.details;
    throw error;
  }
  return [];
}

describe('the settings in force', () => {
  it('defaults are shown with what the channel says', () => {
    const { destination, settings } = prepare({ broker, topic: 'fw/{product}/{version}' });
    expect(destination).toBe('mqtts://broker.example:8883 topic fw/Test Gateway/1.2.3');
    expect(settings).toEqual({
      broker: 'mqtts://broker.example:8883',
      topic: 'fw/Test Gateway/1.2.3',
      qos: 1,
      retain: false,
      client_id: 'ota-Test_Gateway-<random>',
      keepalive: 60,
      insecure: false,
      protocol_version: '5, or 4 when the broker refuses it',
      timeout: 30,
    });
  });

  it('everything that the channel says is shown, but no secret', () => {
    const { settings } = prepare({
      broker: 'wss://broker.example:8084/mqtt',
      topic: 'fw',
      metadata_topic: 'about',
      qos: 2,
      retain: true,
      client_id: 'mine',
      keepalive: 0,
      username: 'jane',
      password: 'hunter2',
      insecure: true,
      ca: 'ca.pem',
      cert: 'me.pem',
      key: 'me.key',
      protocol_version: 5,
      timeout: 2.5,
    });
    expect(settings).toEqual({
      broker: 'wss://broker.example:8084/mqtt',
      topic: 'fw',
      metadata_topic: 'about',
      qos: 2,
      retain: true,
      client_id: 'mine',
      keepalive: 0,
      username: 'jane',
      password: '***',
      insecure: true,
      ca: 'ca.pem',
      cert: 'me.pem',
      key: 'me.key',
      protocol_version: 5,
      timeout: 2.5,
    });
  });

  it.each([
    ['mqtt://h', 'mqtt://h:1883'],
    ['mqtts://h', 'mqtts://h:8883'],
    ['ws://h', 'ws://h:80/'],
    ['wss://h/mqtt?x=1', 'wss://h:443/mqtt?x=1'],
    ['mqtt://[::1]:1884', 'mqtt://[::1]:1884'],
    ['mqtt://h/', 'mqtt://h:1883'],
  ])('%s is understood as %s', (given, understood) => {
    expect(prepare({ broker: given, topic: 'fw' }).settings.broker).toBe(understood);
  });
});

describe('a bad channel is refused before anything is sent', () => {
  it.each([
    ['not a url', '"not a url" is not a URL'],
    ['mqtt://', 'names no host'],
    ['mqtt:///path', 'names no host'],
    ['mqtt:host', 'names no host'],
    ['tcp://host', 'must start with mqtt://, mqtts://, ws:// or wss://'],
    ['https://host', 'must start with mqtt://'],
    ['mqtt://host:0', 'port 0'],
    ['mqtt://host:99999', 'is not a URL'],
    ['mqtt://host/topic', 'only ws:// and wss:// take one'],
    ['mqtt://a:%ff@host', 'not percent-encoded'],
  ])('broker %s', (url, words) => {
    const [problem, ...more] = problemsOf({ broker: url, topic: 'fw' });
    expect(more).toEqual([]);
    expect(problem).toContain(`broker: `);
    expect(problem).toContain(words);
  });

  it.each(['mqtt://jane:hunter2@', 'jane:hunter2@host', 'mqtt://jane:hunt/er2@host:x'])(
    'the password of the broken URL %s is not repeated',
    (url) => {
      expect(problemsOf({ broker: url, topic: 'fw' }).join()).not.toMatch(/hunt|er2/);
    },
  );

  it.each([
    [{ username: 'a' }, 'mqtt://b@host', 'username: the broker URL names a user as well'],
    [{ password: 'x' }, broker, 'password: needs "username"'],
    [{ cert: 'a.pem' }, broker, 'cert: "key" must be given with it'],
    [{ key: 'a.key' }, broker, 'key: "cert" must be given with it'],
    [{ ca: 'a.pem' }, 'mqtt://host', 'ca: need a broker URL with mqtts:// or wss://'],
  ])('%j', (settings, url, words) => {
    expect(problemsOf({ broker: url, topic: 'fw', ...settings })).toEqual([
      expect.stringContaining(words),
    ]);
  });

  it('MQTT 5 takes a password without a user', () => {
    expect(problemsOf({ broker, topic: 'fw', password: 'x', protocol_version: 5 })).toEqual([]);
  });

  it.each([
    ['qos', 3],
    ['retain', 'yes'],
    ['keepalive', 65_536],
    ['keepalive', -1],
    ['protocol_version', 3],
    ['timeout', 0],
    ['client_id', ''],
  ])('%s %j', (key, value) => {
    expect(problemsOf({ broker, topic: 'fw', [key]: value })).toHaveLength(1);
  });

  it('an artifact that no MQTT message can hold is refused when it is planned', () => {
    const channel = { broker, topic: 'fw' };
    expect(() => prepare(channel, { sizeBytes: 268_435_456 })).toThrowError(
      expect.objectContaining({ code: 'mqtt-too-large' }),
    );
    expect(prepare(channel, { sizeBytes: 268_000_000 }).destination).toContain('fw');
  });
});

describe('topics', () => {
  const variables = { version: '1.2.0+7', hardware: 'a/b#c%', product: '$SYS', artifact: 'x\ny' };

  it('a value keeps to its own level', () => {
    expect(expandTopic('fw/{version}/{hardware}', variables)).toBe('fw/1.2.0%2B7/a%2Fb%23c%25');
    expect(expandTopic('{product}/{artifact}', variables)).toBe('%24SYS/x%0Ay');
  });

  it.each([
    ['fw/+/x', 'wildcard'],
    ['fw/#', 'wildcard'],
    ['fw/\u0000', 'control character'],
    ['fw/\ud800', 'control character'],
    ['fw/{size}', '{size} cannot be filled; known are {version}, {hardware}'],
    ['é'.repeat(32_768), 'longer than 65535 bytes'],
  ])('%j is refused', (template, words) => {
    expect(() => expandTopic(template, variables)).toThrowError(words);
  });

  it('a topic of exactly 65535 bytes is taken', () => {
    expect(expandTopic('x'.repeat(65_535), variables)).toHaveLength(65_535);
  });

  it('no value makes a wildcard or another level', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (version) => {
        const topic = expandTopic('a/{version}/b', { version });
        expect(topic).not.toMatch(/[+#\p{Cc}]/u);
        expect(topic.split('/')).toHaveLength(3);
        expect(decodeURIComponent(topic)).toBe(`a/${version}/b`);
      }),
    );
  });
});

describe('the head of a PUBLISH whose payload is streamed', () => {
  const base = { cmd: 'publish', topic: 'a/b', qos: 1, retain: false, dup: false } as const;

  it('makes the same packet as an encoder that holds the payload', () => {
    const sizes = fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom(16_370, 16_383, 16_384, 2_097_140, 2_097_152),
    );
    fc.assert(
      fc.property(sizes, fc.constantFrom(4, 5), (size, protocolVersion) => {
        const payload = Buffer.alloc(size, 7);
        const message = { ...base, messageId: 1 };
        const empty = generate({ ...message, payload: '' }, { protocolVersion });
        const whole = generate({ ...message, payload }, { protocolVersion });
        const head = createPublishHead(empty, size);
        expect(Buffer.concat([head.bytes, payload]).equals(whole)).toBe(true);
        expect(head.packetBytes).toBe(whole.length);
      }),
      { numRuns: 50 },
    );
  });

  it('is understood up to the largest packet of the protocol', () => {
    const empty = generate({ ...base, qos: 0, payload: '' });
    const payloadBytes = 268_435_455 - 5;
    const head = createPublishHead(empty, payloadBytes);
    const decoder = parser();
    const packets: Packet[] = [];
    decoder.on('packet', (packet) => packets.push(packet));
    decoder.parse(head.bytes);
    expect([...head.bytes.subarray(1, 5)]).toEqual([0xff, 0xff, 0xff, 0x7f]);
    expect(packets).toEqual([]);
  });
});
