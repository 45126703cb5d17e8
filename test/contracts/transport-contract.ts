import { afterEach, describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import {
  type Delivery,
  DeliveryFailure,
  type DeviceTarget,
  type Transport,
} from '../../tools/core/release/delivery.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { factsOf, failureOf, payloadOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { createSilentServer, type SilentServer } from '../support/peers.ts';

/** What a delivery plan would hand to the transport. */
export interface Setup {
  readonly channel: unknown;
  readonly devices: readonly DeviceTarget[];
}

/** A peer that takes what it is sent. */
export interface AcceptingPeer {
  readonly setup: Setup;
  /** The firmware that has arrived. */
  received(): Buffer;
  close(): Promise<void>;
}

/** What a transport must bring to be held to the contract; see `transport-examples.ts`. */
export interface TransportExample {
  accepting(): Promise<AcceptingPeer>;
  /** How to reach a peer at an address, without TLS. */
  reach(host: string, port: number): Setup;
  /** A peer that never answers; default one on TCP. */
  silent?(): Promise<SilentServer>;
  /** A setup that uses every setting that may be secret, and the texts that must not be seen. */
  readonly secret: Setup & { readonly secrets: readonly string[] };
  /** A setup with several things wrong, and how many. */
  readonly invalid: Setup & { readonly problems: number };
  /** Of a transport that starts rollouts: a peer that keeps them, and a channel that leads to none. */
  readonly rollouts?: { keeping(): Promise<AcceptingPeer>; readonly without: Setup };
  /** The firmware, when not any bytes will do. */
  readonly bytes?: Buffer;
}

/** What the rest of the house relies on, whatever the protocol. */
export function describeTransport(transport: Transport, example: TransportExample): void {
  const bytes = example.bytes ?? sampleBytes;
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const open = async <Peer extends { close(): Promise<void> }>(peer: Promise<Peer>) => {
    const opened = await peer;
    closing.push(opened.close);
    return opened;
  };
  const prepareAll = ({ channel, devices }: Setup) =>
    transport.prepare(channel, { artifact: factsOf(bytes), devices });
  const prepare = (setup: Setup): Delivery => {
    const [delivery] = prepareAll(setup);
    if (delivery === undefined) throw new Error('the setup makes no delivery');
    return delivery;
  };

  describe(`the ${transport.name} transport keeps the contract:`, () => {
    describeRollouts(transport, example, open);

    it('preparing opens nothing and waits for nothing', () => {
      const before = process.getActiveResourcesInfo();
      prepareAll(example.reach('host.invalid', 1));
      expect(process.getActiveResourcesInfo()).toEqual(before);
    });

    it('a delivery says where it goes and with which settings', () => {
      const delivery = prepare(example.reach('device.example', 4711));
      expect(delivery.destination).toContain('device.example');
      expect(delivery.destination).toContain('4711');
      expect(JSON.parse(JSON.stringify(delivery.settings))).toEqual(delivery.settings);
      expect(delivery.settings).toHaveProperty('timeout');
    });

    it('its own example is a valid channel, shown as it stands', () => {
      const deliveries = prepareAll({
        channel: transport.example,
        devices: example.secret.devices.map(({ host }) => ({ host })),
      });
      const plan = JSON.stringify(deliveries);
      expect(plan).not.toContain('***');
    });

    it('no secret is seen in a plan', () => {
      const plan = JSON.stringify(prepareAll(example.secret));
      for (const secret of example.secret.secrets) expect(plan).not.toContain(secret);
    });

    it('no secret is seen in the error of an invalid channel', () => {
      const { channel, devices } = example.secret;
      const broken = { ...(channel as object), no_such_key: 1 };
      const error = thrownBy(() => prepareAll({ channel: broken, devices }));
      const words = JSON.stringify([error.message, error.details, error.hint]);
      for (const secret of example.secret.secrets) expect(words).not.toContain(secret);
    });

    it('a bad channel is refused with all its problems', () => {
      const error = thrownBy(() => prepareAll(example.invalid));
      expect(error.code).toBe('channel-invalid');
      expect(error.details).toHaveLength(example.invalid.problems);
      expect(error.hint).toContain(transport.name);
    });

    it('an unknown key of the channel gets a "did you mean"', () => {
      const { channel, devices } = example.reach('device.example', 4711);
      const misspelt = { ...(channel as object), timout: 3 };
      const error = thrownBy(() => prepareAll({ channel: misspelt, devices }));
      expect(error.details).toEqual(['unknown key "timout" (did you mean "timeout"?)']);
    });

    it('keys that start with x- are free', () => {
      const { channel, devices } = example.reach('device.example', 4711);
      const annotated = { ...(channel as object), 'x-note': 'mine' };
      expect(prepareAll({ channel: annotated, devices })).toHaveLength(1);
    });

    it('the exact bytes arrive, and the receipt counts them', async () => {
      const peer = await open(example.accepting());
      const receipt = await prepare(peer.setup).send(payloadOf(bytes), sendContext());
      expect(receipt.sentBytes).toBe(bytes.length);
      expect(peer.received().equals(bytes)).toBe(true);
    });

    it('a delivery can be sent again', async () => {
      const peer = await open(example.accepting());
      const delivery = prepare(peer.setup);
      await delivery.send(payloadOf(bytes), sendContext());
      await delivery.send(payloadOf(bytes), sendContext({ attempt: 2 }));
      expect(peer.received().equals(bytes)).toBe(true);
    });

    it('progress only grows, and ends at the size', async () => {
      const peer = await open(example.accepting());
      const seen: number[] = [];
      const context = sendContext({ onProgress: (sent) => seen.push(sent) });
      await prepare(peer.setup).send(payloadOf(bytes), context);
      expect(seen.length).toBeGreaterThan(1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(bytes.length);
    });

    it('a refused connection is named, and may be tried again', async () => {
      const delivery = prepare(example.reach('127.0.0.1', await holdClosedPort()));
      const error = await failureOf(delivery.send(payloadOf(bytes), sendContext()));
      expect(error).toMatchObject({ code: 'connection-refused', retryable: true });
      expect(error).toBeInstanceOf(DeliveryFailure);
    });

    it('a peer that never answers is a timeout, and may be tried again', async () => {
      const peer = await open((example.silent ?? createSilentServer)());
      const delivery = prepare(example.reach('127.0.0.1', peer.port));
      const sending = delivery.send(payloadOf(bytes), sendContext({ timeoutMs: 100 }));
      expect(await failureOf(sending)).toMatchObject({ code: 'timeout', retryable: true });
      await peer.disconnected;
    });

    it('an abort ends it within a second, as cancelled, and leaves no connection', async () => {
      const peer = await open((example.silent ?? createSilentServer)());
      const user = new AbortController();
      const delivery = prepare(example.reach('127.0.0.1', peer.port));
      const failure = failureOf(
        delivery.send(payloadOf(bytes), sendContext({ signal: user.signal })),
      );
      await peer.connected;
      const start = performance.now();
      user.abort();
      const error = await failure;
      expect(performance.now() - start).toBeLessThan(1000);
      expect(error).toMatchObject({ code: 'cancelled' });
      await peer.disconnected;
    });

    it('what is cancelled before it starts does not connect', async () => {
      const delivery = prepare(example.reach('127.0.0.1', await holdClosedPort()));
      const context = sendContext({ signal: AbortSignal.abort() });
      const error = await failureOf(delivery.send(payloadOf(bytes), context));
      expect(error).toMatchObject({ code: 'cancelled' });
    });
  });
}

/** What `startsRollouts` promises. */
function describeRollouts(
  transport: Transport,
  { rollouts, bytes = sampleBytes }: TransportExample,
  open: (peer: Promise<AcceptingPeer>) => Promise<AcceptingPeer>,
): void {
  const rollout = { kind: 'canary', percentage: 10 } as const;
  const prepare = ({ channel, devices }: Setup) =>
    transport.prepare(channel, { artifact: factsOf(bytes), devices, rollout });

  it('its example has rollouts exactly when it starts them', () => {
    expect(rollouts !== undefined).toBe(transport.startsRollouts === true);
  });
  if (rollouts === undefined) return;

  it('a rollout comes with the firmware, and the receipt tells what became of it', async () => {
    const peer = await open(rollouts.keeping());
    for (const outcome of ['created', 'unchanged']) {
      const receipt = await prepare(peer.setup)[0]?.send(payloadOf(bytes), sendContext());
      expect(receipt).toMatchObject({
        rollout: { name: expect.any(String), outcome, state: 'running', audience: 'canary:10' },
        warnings: [],
      });
    }
    expect(peer.received().equals(bytes)).toBe(true);
  });

  it('a rollout is refused before anything is sent where nobody can keep it', () => {
    const error = thrownBy(() => prepare(rollouts.without));
    expect(error.code).toBe('rollout-unsupported');
    expect(error.hint).toBeDefined();
  });
}

function thrownBy(work: () => unknown): OtaError {
  try {
    work();
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('expected an error');
}
