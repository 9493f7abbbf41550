/** An answer other than success: `respond` makes a problem document of it. */
export class Refusal extends Error {
  constructor(status, title, detail, { errors, headers } = {}) {
    super(detail);
    Object.assign(this, { status, title, errors, headers });
  }
}
