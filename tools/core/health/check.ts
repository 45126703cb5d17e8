/** One line of `ota doctor`. */
export interface HealthCheck {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  /** What was found. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

export function ok(name: string, message: string): HealthCheck {
  return { name, status: 'ok', message };
}

export function warning(name: string, message: string, remedy: string): HealthCheck {
  return { name, status: 'warning', message, remedy };
}

export function failed(name: string, message: string, remedy: string): HealthCheck {
  return { name, status: 'failed', message, remedy };
}
