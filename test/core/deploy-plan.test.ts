import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import type { Transport } from '../../tools/core/release/delivery.ts';
import {
  type DeployFacts,
  type DeployRequest,
  planDeploy,
} from '../../tools/core/release/deploy-plan.ts';
import { parseManifest } from '../../tools/core/release/manifest.ts';
import { parseRelease } from '../../tools/core/release/release.ts';
import { code } from '../support/code.ts';
import { createFakeTransport } from '../support/fake-transport.ts';
import { sampleManifest } from '../support/temporary-workspace.ts';

const artifact = { name: 'Gateway', filename: 'g.bin', size: 3, sha256: 'AB'.repeat(32) };
const request: DeployRequest = { transports: [], overrides: {}, devices: [] };

/** A transport that keeps the channel it was given. */
function createSpy(name: string): Transport & { channels: unknown[] } {
  const channels: unknown[] = [];
  const fake = createFakeTransport(name);
  return {
    ...fake,
    channels,
    prepare(channel, targets) {
      channels.push(channel);
      return fake.prepare(channel, targets);
    },
  };
}

function createFacts(changes: Partial<DeployFacts> = {}): DeployFacts {
  return {
    manifest: parseManifest(
      sampleManifest({
        deployment: {
          channels: {
            mqtt: { to: 'root', password: 'literal-secret', qos: 1 },
            https: { to: 'https', headers: { Authorization: 'Bearer ${TOKEN}' } },
          },
        },
      }),
      'm',
    ),
    release: parseRelease({ version: '1.0.0', artifacts: [artifact] }, 'r'),
    signatures: new Map(),
    transports: [createFakeTransport('mqtt'), createFakeTransport('https')],
    variables: { TOKEN: 'hunter22' },
    ...changes,
  };
}

describe('planning a deployment', () => {
  it('hands the signature of an artifact on, where there is one', () => {
    const signatures = new Map([['g.bin', 'c2lnbmF0dXJl']]);
    const signed = planDeploy(request, createFacts({ signatures })).steps[0]?.artifact;
    expect(signed?.signature).toBe('c2lnbmF0dXJl');
    expect(planDeploy(request, createFacts()).steps[0]?.artifact).not.toHaveProperty('signature');
  });

  it('makes one step for each artifact and protocol, in order', () => {
    const { steps } = planDeploy(request, createFacts());
    expect(steps.map(({ transport, destination }) => [transport, destination])).toEqual([
      ['mqtt', 'mqtt://root/1.0.0'],
      ['https', 'https://https/1.0.0'],
    ]);
  });

  it('sends the app only: never a bootloader, a table or a whole flash image', () => {
    const roles = ['bootloader', 'partition-table', 'otadata', 'merged', 'data', 'app'] as const;
    const artifacts = roles.map((role) => ({ ...artifact, filename: `${role}.bin`, role }));
    const release = parseRelease({ version: '1.0.0', artifacts }, 'r');
    const { steps } = planDeploy(request, createFacts({ release }));
    expect(steps.map((step) => step.artifact.filename)).toEqual(['app.bin', 'app.bin']);
    const named = () =>
      planDeploy({ ...request, artifact: 'merged.bin' }, createFacts({ release }));
    expect(code(named)).toBe('nothing-to-deploy');
  });

  it('writes the hash in lower case', () => {
    expect(planDeploy(request, createFacts()).steps[0]?.artifact.sha256).toBe('ab'.repeat(32));
  });

  it('merges root < release < artifact < command line', () => {
    const spy = createSpy('mqtt');
    const release = parseRelease(
      {
        version: '1.0.0',
        channels: { mqtt: { to: 'release', a: 'release', b: 'release' } },
        artifacts: [
          {
            ...artifact,
            protocols: ['mqtt'],
            channels: { mqtt: { a: 'artifact', c: 'artifact' } },
          },
        ],
      },
      'r',
    );
    planDeploy(
      { ...request, overrides: { mqtt: { c: 'set' } } },
      createFacts({ release, transports: [spy] }),
    );
    expect(spy.channels).toEqual([
      { to: 'release', password: 'literal-secret', qos: 1, a: 'artifact', b: 'release', c: 'set' },
    ]);
  });

  it('hands filled placeholders to the transport but never shows them', () => {
    const spy = createSpy('https');
    const facts = createFacts({ transports: [createFakeTransport('mqtt'), spy] });
    const plan = planDeploy(request, facts);
    expect(spy.channels[0]).toMatchObject({ headers: { Authorization: 'Bearer hunter22' } });
    expect(JSON.stringify(plan)).not.toContain('hunter22');
    expect(JSON.stringify(plan)).toContain('Bearer ${TOKEN}');
  });

  it('masks literal secrets', () => {
    const plan = planDeploy(request, createFacts());
    expect(JSON.stringify(plan)).not.toContain('literal-secret');
    expect(plan.steps[0]?.settings).toEqual({ timeout: 30, to: 'root', password: '***', qos: 1 });
  });

  it('hides a secret from a variable in the destination, and shows the rest', () => {
    const overrides = { mqtt: { to: '${TOKEN}' } };
    const plan = planDeploy({ ...request, overrides, transports: ['mqtt'] }, createFacts());
    expect(plan.steps[0]?.destination).toBe('mqtt://${TOKEN}/1.0.0');
    const host = { ...request, overrides: { mqtt: { to: '${HOST}' } }, transports: ['mqtt'] };
    const shown = planDeploy(host, createFacts({ variables: { HOST: 'broker.example' } }));
    expect(shown.steps[0]?.destination).toBe('mqtt://broker.example/1.0.0');
  });

  it('reports every placeholder without a value once', () => {
    const second = { ...artifact, filename: 'h.bin' };
    const release = parseRelease({ version: '1.0.0', artifacts: [artifact, second] }, 'r');
    const plan = planDeploy(request, createFacts({ release, variables: {} }));
    expect(plan.missing).toEqual(['https.headers.Authorization: ${TOKEN}']);
  });

  it('says which variable it needs before it can know a destination', () => {
    const strict: Transport = {
      ...createFakeTransport('mqtt'),
      prepare() {
        throw new OtaError('channel-invalid', 'no', {
          details: ['broker: "unset-BROKER" is not a URL'],
        });
      },
    };
    const overrides = { mqtt: { broker: '${BROKER}' } };
    const facts = createFacts({ transports: [strict, createFakeTransport('https')] });
    const { steps, missing } = planDeploy({ ...request, overrides, transports: ['mqtt'] }, facts);
    expect(steps[0]?.destination).toBe('not known before BROKER is set');
    expect(missing).toEqual(['mqtt.broker: ${BROKER}']);
  });

  it('does not excuse another flaw because a variable is missing', () => {
    const strict: Transport = {
      ...createFakeTransport('mqtt'),
      prepare() {
        const details = ['broker: "unset-BROKER" is not a URL', 'qos: must be 0, 1 or 2'];
        throw new OtaError('channel-invalid', 'no', { details });
      },
    };
    const overrides = { mqtt: { broker: '${BROKER}' } };
    const facts = createFacts({ transports: [strict, createFakeTransport('https')] });
    const plan = () => planDeploy({ ...request, overrides, transports: ['mqtt'] }, facts);
    expect(code(plan)).toBe('channel-invalid');
  });

  it('makes one step a device for a transport that reaches devices one by one', () => {
    const transports = [createFakeTransport('mqtt', undefined, { perDevice: true })];
    const devices = [{ host: 'a' }, { host: 'b' }];
    const release = parseRelease(
      { version: '1.0.0', artifacts: [{ ...artifact, protocols: ['mqtt'] }] },
      'r',
    );
    const { steps } = planDeploy({ ...request, devices }, createFacts({ release, transports }));
    expect(steps.map(({ destination }) => destination)).toEqual(['mqtt://a', 'mqtt://b']);
  });

  it('hands the rollout to the transport, and shows it in the step', () => {
    const rollout = { kind: 'canary', percentage: 10 } as const;
    const https = createFakeTransport('https', undefined, { startsRollouts: true });
    const facts = createFacts({ transports: [createFakeTransport('mqtt'), https] });
    const { steps } = planDeploy({ ...request, transports: ['https'], rollout }, facts);
    expect(steps).toMatchObject([{ destination: 'https://https/1.0.0?canary:10', rollout }]);
  });

  it('refuses a rollout when one of the transports hands out to all at once', () => {
    const rollout = { kind: 'canary', percentage: 10 } as const;
    const https = createFakeTransport('https', undefined, { startsRollouts: true });
    const facts = createFacts({ transports: [createFakeTransport('mqtt'), https] });
    expect(() => planDeploy({ ...request, rollout }, facts)).toThrowError(
      expect.objectContaining({
        code: 'rollout-unsupported',
        message: 'mqtt cannot start the rollout canary:10',
        hint: 'Choose https with --transport, or leave --rollout out.',
      }),
    );
  });

  it('uses only the transports and the artifact that are asked for', () => {
    const second = { ...artifact, name: 'Other', filename: 'h.bin' };
    const release = parseRelease({ version: '1.0.0', artifacts: [artifact, second] }, 'r');
    const { steps } = planDeploy(
      { ...request, transports: ['https'], artifact: 'Other' },
      createFacts({ release }),
    );
    expect(steps.map((step) => [step.transport, step.artifact.filename])).toEqual([
      ['https', 'h.bin'],
    ]);
  });

  it.each([
    ['transport-unknown', { transports: ['mqt'] }, {}],
    ['artifact-unknown', { artifact: 'x' }, {}],
    [
      'channel-missing',
      {},
      { manifest: parseManifest(sampleManifest({ deployment: { channels: {} } }), 'm') },
    ],
    ['channel-missing', { overrides: { mqtt: null } }, {}],
    [
      'nothing-to-deploy',
      { transports: ['https'] },
      {
        release: parseRelease(
          { version: '1.0.0', artifacts: [{ ...artifact, protocols: ['mqtt'] }] },
          'r',
        ),
      },
    ],
    [
      'transport-unknown',
      {},
      {
        release: parseRelease(
          { version: '1.0.0', artifacts: [{ ...artifact, protocols: ['coap'] }] },
          'r',
        ),
      },
    ],
  ] as const)('ends with %s for %j', (expected, change, facts) => {
    const changed = { ...request, ...change } as DeployRequest;
    expect(code(() => planDeploy(changed, createFacts(facts as Partial<DeployFacts>)))).toBe(
      expected,
    );
  });
});
