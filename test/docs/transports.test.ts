import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import httpsSchema from '../../schemas/channel-https.schema.json' with { type: 'json' };
import mqttSchema from '../../schemas/channel-mqtt.schema.json' with { type: 'json' };
import { errorCodes } from '../../tools/core/error-codes.ts';
import { failureOf, payloadOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { drop } from '../support/drop-transport.ts';

const here = import.meta.dirname;
const guide = await readFile(join(here, '../../docs/transports.md'), 'utf8');

function chapter(title: string): string {
  return guide.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
}

/** First cell and second cell of the rows of all tables in a text. */
function rowsOf(text: string): [string, string][] {
  return [...text.matchAll(/^\| (.+?) \| (.*?) \|/gm)].map(([, first = '', second = '']) => [
    first.trim(),
    second.trim(),
  ]);
}

describe('the guide to transports', () => {
  it.each([
    ['mqtt', mqttSchema.properties],
    ['https', httpsSchema.properties],
  ])('has every key of the %s channel, with its default', (name, properties) => {
    const rows = rowsOf(chapter(name));
    for (const [key, property] of Object.entries(properties)) {
      const row = rows.find(([first]) => first.split(', ').includes(`\`${key}\``));
      expect(row, `${key} has no row`).toBeDefined();
      if (!('default' in property)) continue;
      const value: unknown = property.default;
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      expect(row?.[1], key).toBe(`\`${text}\``);
    }
  });

  it('has every code that the two can end with, and no other', async () => {
    const documented = rowsOf(chapter('When it fails'))
      .map(([first]) => /^`([a-z-]+)`$/.exec(first)?.[1])
      .filter((code) => code !== undefined);
    const folder = join(here, '../../tools/transports');
    const files = (await readdir(folder, { recursive: true })).filter((name) =>
      /^((mqtt[/\\]connection|mqtt|https)[/\\][a-z-]+|(?!arduino|esphome|web)[a-z-]+)\.ts$/.test(
        name,
      ),
    );
    const sources = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
    const raised = Object.keys(errorCodes).filter((code) => sources.join().includes(`'${code}'`));
    // Raised through `cancelledError`.
    expect(documented.toSorted()).toEqual([...raised, 'cancelled'].toSorted());
  });

  it('shows the very transport that the tests below run', async () => {
    const source = await readFile(join(here, '../support/drop-transport.ts'), 'utf8');
    const shown = source
      .replaceAll("'../../tools/core/", "'../core/")
      .replaceAll("'../../tools/transports/", "'./")
      .replaceAll("'./channel-drop", "'../../schemas/channel-drop");
    expect(guide).toContain(`\`\`\`ts\n${shown}\`\`\``);
  });
});

describe('the transport of the guide', () => {
  it('delivers, and leaves no half file behind', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'ota-drop-'));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const payload = payloadOf(sampleBytes);
    const [delivery] = drop.prepare({ folder: '.' }, { artifact: payload.facts, devices: [] });
    expect(delivery?.destination).toBe('Test_Gateway-1.2.3.bin');
    const receipt = await delivery?.send(payload, sendContext({ cwd }));
    expect(receipt?.sentBytes).toBe(sampleBytes.length);
    expect((await readFile(join(cwd, payload.facts.filename))).equals(sampleBytes)).toBe(true);
  });

  it('fails as the contract demands', async () => {
    const payload = payloadOf(sampleBytes);
    const targets = { artifact: payload.facts, devices: [] };
    expect(() => drop.prepare({ ordner: '.' }, targets)).toThrowError(
      expect.objectContaining({ code: 'channel-invalid' }),
    );
    const [delivery] = drop.prepare({ folder: 'no/such/folder' }, targets);
    const send = (signal: AbortSignal) =>
      failureOf(delivery?.send(payload, sendContext({ signal })) ?? Promise.resolve());
    expect(await send(new AbortController().signal)).toMatchObject({
      code: 'write-failed',
      retryable: false,
    });
    expect(await send(AbortSignal.abort())).toMatchObject({ code: 'cancelled' });
  });
});
