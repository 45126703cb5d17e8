import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createArtifactSender,
  type SendArtifact,
} from '../../tools/service/artifacts/artifact-sender.ts';
import type { ByteRange } from '../../tools/service/artifacts/artifact-store.ts';

/** An artifact in memory that gives so many bytes at once. */
function artifactOf(bytes: Buffer, atOnce = Number.POSITIVE_INFINITY) {
  const artifact = {
    bytes,
    closed: 0,
    async read(into: Uint8Array, position: number) {
      const part = bytes.subarray(position, position + Math.min(into.length, atOnce));
      into.set(part);
      return part.length;
    },
    async close() {
      artifact.closed += 1;
    },
  };
  return artifact;
}

/** A receiver of what a server sends; `sent` is what the sender says of it. */
async function receive(
  sendArtifact: SendArtifact,
  artifact: ReturnType<typeof artifactOf>,
  part: ByteRange = { start: 0, end: artifact.bytes.length - 1 },
): Promise<{ response: IncomingMessage; sent: Promise<unknown> }> {
  let sent: Promise<unknown> = Promise.resolve();
  const server = createServer((_request, response) => {
    response.setHeader('content-length', part.end + 1 - part.start);
    sent = sendArtifact(artifact, part, response).catch((error: unknown) => {
      response.destroy();
      return error;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
  return { response, sent };
}

describe('sending an artifact', () => {
  it.each([
    ['in large pieces', Number.POSITIVE_INFINITY],
    ['however little can be read at once', 10_007],
  ])('gives a part with both its ends, %s', async (_name, atOnce) => {
    const artifact = artifactOf(randomBytes(3_000_007), atOnce);
    const { response, sent } = await receive(createArtifactSender(), artifact, {
      start: 5,
      end: 2_999_990,
    });
    expect((await buffer(response)).equals(artifact.bytes.subarray(5, 2_999_991))).toBe(true);
    expect(await sent).toBeUndefined();
    expect(artifact.closed).toBe(1);
  });

  it('gives each of many receivers its own, whatever their pace', async () => {
    const sendArtifact = createArtifactSender();
    const take = async (index: number, before: Promise<boolean> | undefined) => {
      const artifact = artifactOf(randomBytes(2_500_000 + index));
      const { response, sent } = await receive(sendArtifact, artifact);
      if (index % 4 === 3) await before; // a slow one
      const isWhole = (await buffer(response)).equals(artifact.bytes);
      await sent;
      return isWhole && artifact.closed === 1;
    };
    const all: Promise<boolean>[] = [];
    for (let index = 0; index < 40; index += 1) all.push(take(index, all.at(-1)));
    expect(await Promise.all(all)).toEqual(all.map(() => true));
  });

  it('ends when the receiver is gone, and what others get stays theirs', async () => {
    const sendArtifact = createArtifactSender();
    const leaving = artifactOf(randomBytes(40_000_000));
    const staying = artifactOf(randomBytes(12_000_000));
    const gone = await receive(sendArtifact, leaving);
    const kept = await receive(sendArtifact, staying);
    await once(gone.response, 'readable');
    gone.response.destroy();
    await gone.sent;
    expect(leaving.closed).toBe(1);
    expect((await buffer(kept.response)).equals(staying.bytes)).toBe(true);
  });

  it('says so when the artifact is shorter than it should be: the receiver sees that bytes are missing', async () => {
    const artifact = artifactOf(randomBytes(1_000_000));
    const { response, sent } = await receive(createArtifactSender(), artifact, {
      start: 0,
      end: 2_000_000,
    });
    await expect(buffer(response)).rejects.toThrow('aborted');
    expect(await sent).toMatchObject({ message: expect.stringContaining('ends at 1000000') });
    expect(artifact.closed).toBe(1);
  });
});
