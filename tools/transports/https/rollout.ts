import { displayText } from '../../core/display-text.ts';
import { OtaError } from '../../core/errors.ts';
import { formatAudience } from '../../core/fleet/offers/audience-text.ts';
import type { Audience } from '../../core/fleet/offers/rollout-audience.ts';
import { type RolloutOutcome, rolloutOutcomes } from '../../core/fleet/offers/rollout-start.ts';
import { DeliveryFailure, type StartedRollout } from '../../core/release/delivery.ts';
import type { HttpsPlan } from './plan.ts';

/** The publisher's door of the OTA service, also below a prefix: `…/api/v1/firmware[/<file name>]`. */
const door = /\/api\/v1\/firmware(\/[^/]+)?\/?$/;

/**
 * The same request with the rollout in it; one that the URL names already gives way.
 *
 * @throws OtaError `rollout-unsupported` when the channel does not lead to a server that keeps rollouts
 */
export function addRollout(plan: HttpsPlan, rollout: Audience): HttpsPlan {
  const asked = formatAudience(rollout);
  const flaws = [
    ...(door.test(plan.url.pathname) ? [] : ['url does not end with /api/v1/firmware']),
    ...(plan.method === 'PATCH' ? ['method is PATCH'] : []),
    ...(plan.field === undefined ? [] : ['encoding is multipart']),
  ];
  if (flaws.length > 0)
    throw new OtaError(
      'rollout-unsupported',
      `the https channel cannot start the rollout ${asked}`,
      {
        details: flaws,
        hint: 'Rollouts are kept by `ota serve`: PUT the bare firmware to https://<service>/api/v1/firmware.',
      },
    );
  const url = new URL(plan.url);
  url.searchParams.set('rollout', asked);
  return { ...plan, url, rollout };
}

/**
 * What a server that took the firmware says of the rollout.
 *
 * @throws DeliveryFailure `rollout-unsupported` when it says nothing of it
 */
export function readRollout(text: string, rollout: Audience, destination: string): StartedRollout {
  const { rollout: name, rollout_outcome, rollout_state, rollout_audience } = parseObject(text);
  const outcome = rolloutOutcomes.find((known) => known === rollout_outcome);
  if (typeof name === 'string' && name !== '' && outcome !== undefined)
    return {
      name: displayText(name),
      outcome: outcome satisfies RolloutOutcome,
      state: displayText(String(rollout_state)),
      audience: displayText(String(rollout_audience)),
    };
  const asked = formatAudience(rollout);
  throw new DeliveryFailure(
    'rollout-unsupported',
    `${destination} took the firmware, but says nothing of the rollout ${asked}`,
    {
      hint: 'Is it an OTA service, and not older than this toolkit? Nobody may be offered the release: look there.',
      retryable: false,
    },
  );
}

/** A word of caution when the rollout is not what was asked for. */
export function rolloutWarnings({ name, outcome, state, audience }: StartedRollout): string[] {
  if (outcome !== 'kept') return [];
  return [
    `the release has the rollout ${name} already (${state}, ${audience}); it was left as it is: change it with \`ota admin rollout\``,
  ];
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
