import { pushTopics } from '../../core/chunks/push-messages.ts';
import { displayText } from '../../core/display-text.ts';
import { fingerprintOf } from '../../core/integrity.ts';
import type { ArtifactFacts, Receipt, SendContext } from '../../core/release/delivery.ts';
import type { MqttPlan } from './plan.ts';
import { openPlannedClient } from './planned-client.ts';
import { type Clearing, clearStanding } from './standing.ts';

/** A topic on which a delivery may have left a message, and how to read the version in it. */
interface Place {
  readonly topic: string;
  readonly sizeBytes: number;
  versionIn(payload: Buffer): string | undefined;
}

/** Clears what the broker keeps of a delivery of this version; what belongs to another one is left alone. */
export async function clearKept(
  plan: MqttPlan,
  facts: ArtifactFacts,
  context: SendContext,
): Promise<Receipt> {
  const client = await openPlannedClient(plan, context);
  try {
    const answers: string[] = [];
    for (const place of placesOf(plan, facts)) {
      const { topic, sizeBytes, versionIn } = place;
      const isOurs = (payload: Buffer) => versionIn(payload) === facts.version;
      const clearing = await clearStanding(client, { topic, sizeBytes, isOurs }, context.signal);
      answers.push(`${topic}: ${describe(clearing, place, facts.version)}`);
    }
    return { sentBytes: 0, warnings: [], answer: answers.join('; ') };
  } finally {
    await client.close();
  }
}

function placesOf({ mode, topic, metadataTopic }: MqttPlan, facts: ArtifactFacts): Place[] {
  const json = { sizeBytes: 0, versionIn: versionInJson };
  if (mode.kind === 'chunked') return [{ topic: `${topic}/${pushTopics.manifest}`, ...json }];
  const { version, sizeBytes, sha256 } = facts;
  const versionIn = (payload: Buffer) =>
    fingerprintOf(payload).sha256 === sha256 ? version : undefined;
  return [
    mode.kind === 'announce' ? { topic, ...json } : { topic, sizeBytes, versionIn },
    ...(metadataTopic === undefined ? [] : [{ topic: metadataTopic, ...json }]),
  ];
}

/** Announcements, descriptions and manifests all have it. */
function versionInJson(payload: Buffer): string | undefined {
  if (payload.length > 65_536) return;
  try {
    const { version } = JSON.parse(payload.toString()) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return;
  }
}

function describe(clearing: Clearing, { versionIn }: Place, version: string): string {
  if (clearing.kind === 'cleared') return `${version} is cleared`;
  if (clearing.kind === 'nothing') return 'nothing is kept there';
  const other = displayText(versionIn(clearing.payload)?.slice(0, 128) ?? 'something else');
  return clearing.kind === 'other'
    ? `${other} is kept there, not ${version}; it was left alone`
    : `${other} came there in the same moment; it was published again`;
}
