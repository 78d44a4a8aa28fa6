-- The foundation: workflows, their log, the ledger of effects, approvals, and what outsiders leave for them.
-- Runs before the code is deployed.

-- What a flush changes stands together: an update then logs only those bytes.
create table actum.workflows (
    id             uuid primary key,
    contract       text not null,
    key            text,
    shape_hash     bytea not null,
    document_hash  bytea not null,
    changes        text[] not null default '{}',
    team           text,
    origin         uuid not null,
    requester      text,
    queue          text not null default 'default',
    priority       smallint not null default 0,
    parent         uuid,
    parent_address text,
    salt           bytea,
    tags           jsonb not null default '{}',
    deadline       timestamptz,
    created_at     timestamptz not null default now(),
    instance       uuid,
    epoch          integer not null default 0,
    wake           integer not null default 0,
    run_at         timestamptz not null default now(),
    crash_count    integer not null default 0,
    python         text,
    updated_at     timestamptz not null default now(),
    next_seq       integer not null,
    chain_head     bytea not null,
    attempt_count  integer not null default 0,
    status         text not null default 'pending',
    cause          text,
    current_step   text,
    finished_at    timestamptz
) with (fillfactor = 80);

-- The only two indexes over columns that change while a workflow lives: a flush touches neither.
create index workflows_ready on actum.workflows (queue, run_at) where instance is null and finished_at is null;
create index workflows_owned on actum.workflows (instance) where instance is not null;
create index workflows_contract on actum.workflows (contract, id);

create table actum.start_keys (
    contract    text not null,
    key         text not null,
    workflow_id uuid not null,
    input_hash  bytea not null,
    created_at  timestamptz not null default now(),
    primary key (contract, key)
);

create table actum.events (
    workflow_id   uuid not null,
    seq           integer not null,
    at            timestamptz not null,
    kind          text not null,
    step          text,
    address       text,
    attempt       integer,
    outcome       text,
    reason        text,
    actor         text,
    contract      text not null,
    team          text,
    tier          smallint,
    current_step  text,
    attempt_count integer not null default 0,
    payload_hash  bytea,
    data          text,
    hash          bytea not null,
    xid           xid8 not null default pg_current_xact_id(),
    primary key (workflow_id, seq)
) partition by range (workflow_id);

-- What quality is measured by: few events are of these kinds, so what a flush writes most of touches neither index.
create index events_measured on actum.events (kind, at) where attempt > 1 or kind in (
    'attempt.failed', 'step.failed', 'step.abandoned', 'step.reopened', 'effect.failed', 'effect.doubted', 'effect.settled',
    'effect.shared', 'workflow.rescued', 'workflow.blocked', 'workflow.paused', 'workflow.cancel_requested',
    'workflow.rolling_back', 'workflow.rolled_back', 'workflow.completed', 'workflow.failed', 'workflow.cancelled',
    'approval.requested', 'approval.decided', 'approval.expired', 'question.answered');
create index events_counted on actum.events (kind, xid) where attempt > 1 or kind in (
    'attempt.failed', 'step.failed', 'step.abandoned', 'step.reopened', 'effect.failed', 'effect.doubted', 'effect.settled',
    'effect.shared', 'workflow.rescued', 'workflow.blocked', 'workflow.paused', 'workflow.cancel_requested',
    'workflow.rolling_back', 'workflow.rolled_back', 'workflow.completed', 'workflow.failed', 'workflow.cancelled',
    'approval.requested', 'approval.decided', 'approval.expired', 'question.answered');
-- What every step adds, its time and what it used, is found by blocks: a flush pays next to nothing for this one.
create index events_blocks on actum.events using brin (at, (xid::text::bigint))
    with (pages_per_range = 32, autosummarize = on);

create table actum.snapshots (
    workflow_id   uuid not null,
    seq           integer not null,
    kind          text not null,
    argument_hash bytea,
    codec         smallint not null default 1,
    body          bytea,
    primary key (workflow_id, seq)
) partition by range (workflow_id);

-- What one flush says, row by row: an array of these costs half of what an array for each column does.
create type actum.flushed_head as (
    id            uuid,
    epoch         integer,
    expected      integer,
    next_seq      integer,
    chain_head    bytea,
    status        text,
    cause         text,
    current_step  text,
    attempt_count integer,
    seen_wake     integer,
    run_at        timestamptz,
    is_final      boolean,
    contract      text,
    team          text
);

create type actum.flushed_record as (
    id            uuid,
    seq           integer,
    at            timestamptz,
    kind          text,
    step          text,
    address       text,
    attempt       integer,
    outcome       text,
    reason        text,
    actor         text,
    tier          integer,
    current_step  text,
    attempt_count integer,
    payload_hash  bytea,
    data          text,
    hash          bytea,
    snapshot      text,
    argument_hash bytea,
    body          bytea
);

create type actum.flushed_intent as (
    id            uuid,
    mode          text,
    kind          text,
    key           text,
    generation    integer,
    origin        uuid,
    address       text,
    step          text,
    argument_hash bytea,
    arguments     bytea,
    tier          integer,
    approval_id   uuid,
    action_hash   bytea,
    policy_hash   bytea,
    attempt       integer,
    family        text
);

create type actum.flushed_ending as (
    id         uuid,
    kind       text,
    key        text,
    generation integer,
    state      text,
    result     bytea
);

create table actum.effects (
    kind          text not null,
    key           text not null,
    generation    integer not null default 1,
    origin        uuid not null,
    workflow_id   uuid not null,
    address       text not null,
    step          text not null,
    argument_hash bytea not null,
    arguments     bytea not null,
    state         text not null,
    tier          smallint not null,
    approval_id   uuid,
    policy_hash   bytea,
    attempt       integer not null default 1,
    started_at    timestamptz not null,
    ended_at      timestamptz,
    result        bytea,
    holders       uuid[] not null default '{}',
    primary key (kind, key, generation)
) with (fillfactor = 45);
create index effects_workflow on actum.effects (workflow_id);

-- An approval is decided by votes. `requirements` is a list of {group, by, quorum, never}; null means one vote of one of
-- the `approvers`; nobody named is anybody but the requester and the `authors` (of its contract, and of edited arguments).
-- While a question about it is open (`paused_at`) its time stands still; `paused_for` is how long it did so in this round.
-- A vote counts in its `round`: escalation begins the next.
-- `placement` is what has still to be done after asking: which batch to join, which environment a grant has to be for.
create table actum.approvals (
    id            uuid primary key,
    workflow_id   uuid not null,
    address       text not null,
    asked_by      text,
    step          text not null,
    kind          text not null,
    key           text not null,
    action_hash   bytea not null,
    arguments     bytea not null,
    preview       text,
    relies_on     text,
    tier          smallint not null,
    rule          text not null,
    policy_hash   bytea,
    contract      text not null,
    team          text,
    requester     text,
    authors       text[] not null default '{}',
    approvers     text[] not null,
    requirements  jsonb check (jsonb_typeof(requirements) = 'array'),
    round         integer not null default 1,
    placement     jsonb,
    batch_id      uuid check (batch_id is null or tier = 1),
    asked_at      timestamptz not null default now(),
    expires_at    timestamptz,
    on_expiry     text not null default 'reject' check (on_expiry in ('reject', 'escalate', 'hold')),
    escalate_to   jsonb check (jsonb_typeof(escalate_to) = 'array'),
    escalated_at  timestamptz,
    remind_share  real not null default 0.8,
    reminded_at   timestamptz,
    paused_at     timestamptz,
    paused_for    interval not null default '0',
    ruling        text check (ruling in ('approved', 'rejected')),
    ruled_at      timestamptz,
    ruled_by      text,
    rationale     text,
    edited        bytea,
    closed        text check (closed in ('withdrawn', 'superseded', 'expired', 'stale', 'revoked')),
    closed_at     timestamptz,
    used_at       timestamptz,
    used_epoch    integer,
    state         text generated always as (
        case
            when used_at is not null then 'used'
            when closed is not null then closed
            when ruling is not null then ruling
            else 'pending'
        end
    ) stored
);
create index approvals_pending on actum.approvals (asked_at) where ruling is null and closed is null;
create index approvals_workflow on actum.approvals (workflow_id);
create index approvals_batch on actum.approvals (batch_id) where batch_id is not null;
create index approvals_unplaced on actum.approvals (asked_at) where placement is not null and ruling is null and closed is null;
create index approvals_kind on actum.approvals (kind, id);
create index approvals_ended on actum.approvals (contract, (coalesce(ruled_at, closed_at)))
    where ruling is not null or closed = 'expired';

-- One vote for each person and round: neither cast twice, nor counted twice through a delegate.
create table actum.votes (
    approval_id uuid not null,
    voter       text not null,
    counts_for  text not null,
    ruling      text not null check (ruling in ('approved', 'rejected')),
    satisfies   text[] not null,
    voted_at    timestamptz not null,
    round       integer not null default 1,
    primary key (approval_id, round, voter),
    unique (approval_id, round, counts_for)
);

-- What people ask about an approval before they decide it.
create table actum.inquiries (
    id          bigint generated always as identity primary key,
    approval_id uuid not null,
    question    text not null,
    asked_by    text not null,
    asked_at    timestamptz not null,
    answer      text,
    answered_by text,
    answered_at timestamptz
);
create index inquiries_approval on actum.inquiries (approval_id);

-- Tier-1 approvals that are decided on one card; `items` is fixed when the card is first shown.
create table actum.batches (
    id          uuid primary key,
    rule        text not null,
    policy_hash bytea,
    key         text not null,
    state       text not null default 'open' check (state in ('open', 'shown', 'decided')),
    opened_at   timestamptz not null,
    closes_at   timestamptz not null,
    closed_at   timestamptz,
    close_reason text,
    sifted_at   timestamptz,
    shown_at    timestamptz,
    decided_at  timestamptz,
    max_items   integer not null,
    max_sums    jsonb not null default '{}',
    count       integer not null default 0,
    sums        jsonb not null default '{}',
    items       uuid[]
);
create unique index batches_open on actum.batches (rule, key) where state = 'open' and closed_at is null;

-- What policy, a person or a grant ruled; chained for each workflow, with the head of each chain beside it.
create table actum.decisions (
    id          bigint generated always as identity primary key,
    workflow_id uuid not null,
    seq         integer not null,
    address     text not null,
    approval_id uuid,
    kind        text not null,
    contract    text not null,
    team        text,
    tier        smallint not null,
    ruling      text not null,
    rule        text not null,
    actor       text not null,
    counts_for  text,
    rationale   text,
    facts       text,
    seen        text,
    seen_ms     integer,
    round       integer,
    policy_hash bytea,
    action_hash bytea,
    decided_at  timestamptz not null,
    previous    bytea not null,
    hash        bytea not null,
    unique (workflow_id, seq)
);
create index decisions_granted on actum.decisions (approval_id) where rule like 'grant:%';

create table actum.decision_heads (
    workflow_id uuid primary key,
    count       integer not null,
    head        bytea not null
);

-- Who people are. As long as there is no account at all, anybody but requester and author decides.
create table actum.accounts (
    identity     text primary key,
    display_name text not null,
    roles        text[] not null check (roles <@ array['viewer', 'approver', 'operator', 'policy_owner', 'admin']),
    created_at   timestamptz not null default now(),
    created_by   text not null,
    disabled_at  timestamptz,
    disabled_by  text
);
create unique index accounts_person on actum.accounts (lower(identity));

create table actum.members (
    group_name text not null,
    identity   text not null,
    added_at   timestamptz not null default now(),
    added_by   text not null,
    removed_at timestamptz,
    removed_by text,
    primary key (group_name, identity)
);
create index members_person on actum.members (lower(identity)) where removed_at is null;

create table actum.tokens (
    id           uuid primary key,
    identity     text not null,
    label        text not null,
    hash         bytea not null unique,
    created_at   timestamptz not null default now(),
    created_by   text not null,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text
);
create index tokens_person on actum.tokens (lower(identity));

create table actum.delegations (
    id         uuid primary key,
    delegator  text not null,
    delegate   text not null,
    since      timestamptz not null,
    until      timestamptz not null,
    reason     text not null,
    given_at   timestamptz not null default now(),
    given_by   text not null,
    revoked_at timestamptz,
    revoked_by text
);
create index delegations_delegate on actum.delegations (lower(delegate)) where revoked_at is null;

-- For an hour a named person decides what they otherwise may not; every row is always listed.
create table actum.break_glass (
    id        uuid primary key,
    actor     text not null,
    role      text not null,
    incident  text not null,
    reason    text not null,
    opened_at timestamptz not null,
    until     timestamptz not null,
    ended_at  timestamptz,
    check (until <= opened_at + interval '1 hour')
);

-- Standing approvals with limits and an end. Uses of anything limited are reservations, found again by a retry.
create table actum.grants (
    id         uuid primary key,
    matcher    jsonb not null,
    max_uses   integer not null check (max_uses > 0),
    max_sums   jsonb not null default '{}',
    until      timestamptz not null,
    given_at   timestamptz not null,
    given_by   text not null,
    reason     text not null,
    revoked_at timestamptz,
    revoked_by text
);

create table actum.reservations (
    limit_id    uuid not null,
    workflow_id uuid not null,
    address     text not null,
    attempt     integer not null,
    approval_id uuid,
    amounts     jsonb not null default '{}',
    state       text not null default 'reserved' check (state in ('reserved', 'released')),
    taken_at    timestamptz not null,
    ended_at    timestamptz,
    primary key (limit_id, workflow_id, address, attempt)
);
create index reservations_approval on actum.reservations (approval_id) where state = 'reserved';

-- What contracts and teams may use: `used` is what was reserved and charged by unit, `budget_uses` by whom. An attempt has
-- one use of each budget it is under, keyed by who held the workflow too, so that what a dead worker took is told apart.
-- What people are asked is a use too, of one prompt, under the address `prompt/…`. `refused_*` say who was not let in last.
create table actum.budgets (
    id      uuid primary key,
    scope   text not null check (scope in ('workflow', 'contract', 'team')),
    subject text not null,
    day     date,
    used    jsonb not null default '{}',
    refused_at    timestamptz,
    refused_by    uuid,
    refused_unit  text,
    refused_limit numeric
);
create index budgets_refused on actum.budgets (refused_at) where refused_at is not null;

create table actum.budget_uses (
    workflow_id uuid not null,
    address     text not null,
    attempt     integer not null,
    epoch       integer not null,
    budget_id   uuid not null,
    is_effect   boolean not null,
    amounts     jsonb not null,
    state       text not null default 'reserved' check (state in ('reserved', 'charged', 'released')),
    taken_at    timestamptz not null,
    ended_at    timestamptz,
    primary key (workflow_id, address, attempt, epoch, budget_id)
);

-- The rules, each text once. One is active at most, and one at most is tried in its shadow. `activation` are the
-- requirements for its activation, `requested_*` and `agreements` an activation that waits for others; all of it is history.
create table actum.policies (
    hash           bytea primary key,
    name           text not null,
    body           text not null,
    activation     jsonb not null default '[]',
    registered_at  timestamptz not null default now(),
    registered_by  text,
    requested_at   timestamptz,
    requested_by   text,
    request_reason text,
    agreements     jsonb not null default '[]',
    activated_at   timestamptz,
    activated_by   text,
    retired_at     timestamptz,
    shadow_since   timestamptz,
    shadow_by      text,
    history        jsonb not null default '[]',
    check (hash = sha256(convert_to(replace(body, E'\r\n', E'\n'), 'UTF8')))
);
create unique index policies_active on actum.policies ((true)) where activated_at is not null and retired_at is null;
create unique index policies_shadow on actum.policies ((true)) where shadow_since is not null;

create table actum.freezes (
    id         uuid primary key,
    scope      text not null check (scope in ('everything', 'contract', 'kind', 'environment')),
    subject    text,
    mode       text not null check (mode in ('deny', 'force_tier_2', 'hold_starts')),
    actor      text not null,
    reason     text not null,
    created_at timestamptz not null default now(),
    ended_at   timestamptz,
    ended_by   text,
    check ((scope = 'everything') = (subject is null))
);

create table actum.questions (
    workflow_id uuid not null,
    address     text not null,
    question    text not null,
    schema      text not null,
    addressee   text,
    contract    text not null,
    team        text,
    asked_at    timestamptz not null default now(),
    answered_at timestamptz,
    answered_by text,
    closed_at   timestamptz,
    primary key (workflow_id, address)
);
create index questions_open on actum.questions (asked_at) where answered_at is null and closed_at is null;

-- What people are to be told, each thing once under its key; it leaves at least once, with that key.
-- `about` is an approval, a batch, a workflow or an incident, `link` a place in the console, `channels` are those that took it already.
create table actum.notifications (
    key        text primary key,
    kind       text not null,
    about      uuid,
    recipients text[] not null,
    subject    text not null,
    body       text not null,
    link       text,
    created_at timestamptz not null,
    state      text not null default 'unsent' check (state in ('unsent', 'sent', 'needless', 'abandoned')),
    due_at     timestamptz not null,
    attempts   integer not null default 0,
    channels   text[] not null default '{}',
    ended_at   timestamptz,
    error      text
);
create index notifications_due on actum.notifications (due_at) where state = 'unsent';

-- Failures with an owner and an end. Of one rule, contract, step and reason at most one is open. Team, contacts and
-- runbook are those of the time it was opened; `level` is how many of them were told; `machine_at` is when the machine
-- saw it, null where only a person did, and `is_missed` that a person was first. `workflow_ids` are those that it affects
-- now, up to a thousand of `count`: those that people named, `named_ids`, stay among them. `seen_ids` are the first that it
-- affected, of which the timeline tells, and `reports` what people said about it once it was open.
create table actum.incidents (
    id               uuid primary key,
    rule             text not null,
    contract         text not null default '',
    step             text not null default '',
    reason           text not null default '',
    summary          text not null,
    team             text,
    contacts         text[] not null default '{}',
    runbook          text,
    quiet_hours      text,
    urgency          text not null check (urgency in ('now', 'waking_hours')),
    reduces_autonomy boolean not null default false,
    opened_at        timestamptz not null,
    opened_by        text not null,
    machine_at       timestamptz,
    is_missed        boolean not null default false,
    first_at         timestamptz not null,
    last_at          timestamptz not null,
    count            integer not null default 1,
    workflow_ids     uuid[] not null default '{}',
    named_ids        uuid[] not null default '{}',
    seen_ids         uuid[] not null default '{}',
    reports          jsonb not null default '[]',
    level            integer not null default 0,
    told_at          timestamptz,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    mitigated_at     timestamptz,
    mitigated_by     text,
    resolved_at      timestamptz,
    resolved_by      text,
    cause            text,
    note             text,
    check ((resolved_at is null) = (cause is null))
);
create unique index incidents_open on actum.incidents (rule, contract, step, reason) where resolved_at is null;
create index incidents_opened on actum.incidents (opened_at);

-- Whose turn it is to look for what is wrong: one look by somebody is enough for all.
create table actum.watch_turn (
    is_only  boolean primary key default true check (is_only),
    taken_at timestamptz not null default '-infinity'
);
insert into actum.watch_turn default values;

-- What people did to many workflows at once: one row for each workflow a message was left for, under one `bulk`.
create table actum.interventions (
    bulk        uuid not null,
    workflow_id uuid not null,
    at          timestamptz not null,
    actor       text not null,
    verb        text not null,
    reason      text not null,
    filter      text not null,
    primary key (bulk, workflow_id)
);
create index interventions_workflow on actum.interventions (workflow_id);

-- What outsiders leave for a workflow: signals, requests, decisions, answers, the ends of its children.
-- The holder receives each once: its event and `received` are written by the same statement.
create table actum.messages (
    id          bigint generated always as identity primary key,
    workflow_id uuid not null,
    kind        text not null,
    name        text,
    address     text,
    outcome     text,
    body        bytea,
    actor       text not null,
    reason      text,
    sent_at     timestamptz not null default now(),
    received    boolean not null default false
);
create index messages_open on actum.messages (workflow_id) where not received;

create table actum.contracts (
    contract      text not null,
    document_hash bytea not null,
    shape_hash    bytea not null,
    shape         integer not null,
    document      text not null,
    team          text,
    registered_at timestamptz not null default now(),
    primary key (contract, document_hash)
);

create table actum.workers (
    instance      uuid primary key,
    name          text not null,
    machine       text not null,
    pid           integer not null,
    pid_started   text not null,
    python        text not null,
    version       text not null,
    contracts     text[] not null,
    queues        text[] not null,
    shapes        bytea[] not null,
    concurrency   integer not null,
    lease         interval not null,
    started_at    timestamptz not null default now(),
    heartbeat_at  timestamptz not null default now(),
    stopped_at    timestamptz,
    stop_reason   text
);

-- Whether a completed output was of use: what judges, people and later work said, numbered for each workflow.
-- A word is never edited; a later one counts instead, and a judge's never instead of a person's.
create table actum.verdicts (
    workflow_id uuid not null,
    number      integer not null,
    verdict     text not null check (verdict in ('usable', 'unusable')),
    by          text not null check (by in ('judge', 'person', 'downstream')),
    actor       text not null,
    why         text not null,
    given_at    timestamptz not null,
    xid         xid8 not null default pg_current_xact_id(),
    primary key (workflow_id, number)
);
create index verdicts_counted on actum.verdicts (xid);
create index verdicts_given on actum.verdicts (given_at);

-- Facts added up by the hour: everything that transactions below the watermark recorded, and nothing else.
create table actum.rollups (
    hour     timestamptz not null,
    measure  text not null,
    contract text not null,
    team     text not null,
    outcome  text not null,
    reason   text not null,
    kind     text not null,
    model    text not null,
    bucket   smallint not null,
    count    bigint not null,
    us       bigint not null,
    money    numeric not null,
    primary key (measure, hour, contract, team, outcome, reason, kind, model, bucket)
) with (fillfactor = 70);

-- The same by step and tier, over all hours and teams since the first event: what `/metrics` tells.
create table actum.rollup_totals (
    measure    text not null,
    contract   text not null,
    step       text not null,
    outcome    text not null,
    reason     text not null,
    tier       smallint not null,
    kind       text not null,
    model      text not null,
    bucket     smallint not null,
    count      bigint not null,
    us         bigint not null,
    money      numeric not null,
    first_at   timestamptz not null,
    primary key (measure, contract, step, outcome, reason, tier, kind, model, bucket)
) with (fillfactor = 60);

-- What promises are judged by, by the hour: ended workflows, and words on outputs at the hour in which they were given.
create table actum.rollup_outcomes (
    hour        timestamptz not null,
    contract    text not null,
    objective   text not null,
    total       bigint not null,
    bad         bigint not null,
    last_bad_at timestamptz,
    primary key (hour, contract, objective)
);

create table actum.rollup_state (
    is_only      boolean primary key default true check (is_only),
    watermark    xid8 not null,
    refreshed_at timestamptz
);
insert into actum.rollup_state (watermark) values ('0');

-- Weeks: events and snapshots are partitioned by the week in a UUIDv7 workflow id.
create function actum.week_bound(week timestamptz) returns uuid
language sql immutable strict parallel safe as $$
    select (lpad(to_hex((extract(epoch from week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

create function actum.make_weeks(around timestamptz, ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    week timestamptz;
    stem text;
    made integer := 0;
begin
    for step in -1 .. ahead loop
        week := date_trunc('week', around at time zone 'UTC') at time zone 'UTC' + make_interval(days => 7 * step);
        stem := to_char(week at time zone 'UTC', 'IYYY"w"IW');
        if to_regclass('actum.events_' || stem) is null then
            perform pg_advisory_xact_lock(hashtext('actum.make_weeks'));
            execute format('create table if not exists actum.%I partition of actum.events for values from (%L) to (%L)',
                           'events_' || stem, actum.week_bound(week), actum.week_bound(week + interval '7 days'));
            execute format('create table if not exists actum.%I partition of actum.snapshots for values from (%L) to (%L)',
                           'snapshots_' || stem, actum.week_bound(week), actum.week_bound(week + interval '7 days'));
            made := made + 1;
        end if;
    end loop;
    return made;
end
$$;
select actum.make_weeks(now(), 4);

-- A document is registered once; a shape gets its number when it first registers.
create function actum.register_contract(
    a_contract text, a_document_hash bytea, a_shape_hash bytea, a_document text, a_team text
) returns table (shape_hash bytea, shape integer, is_new boolean)
language plpgsql as $$
declare
    number integer;
    fresh boolean := false;
begin
    perform pg_advisory_xact_lock(hashtext('actum.contracts:' || a_contract));
    select c.shape into number from actum.contracts c
     where c.contract = a_contract and c.shape_hash = a_shape_hash limit 1;
    if number is null then
        select coalesce(max(c.shape), 0) + 1 into number from actum.contracts c where c.contract = a_contract;
        fresh := true;
    end if;
    insert into actum.contracts (contract, document_hash, shape_hash, shape, document, team)
    values (a_contract, a_document_hash, a_shape_hash, number, a_document, a_team)
    on conflict do nothing;
    return query
        select distinct c.shape_hash, c.shape, fresh from actum.contracts c
         where c.contract = a_contract and c.shape <= number;
end
$$;

-- A person's name with its kind in front, as `actum.machine.approvals.identity` makes it.
create function actum.identity(name text) returns text
language sql immutable parallel safe as $$
    select case
               when strpos(t.name, ':') > 0 and lower(split_part(t.name, ':', 1)) in ('user', 'service', 'group', 'team')
                   then lower(split_part(t.name, ':', 1)) || ':'
                        || btrim(substr(t.name, strpos(t.name, ':') + 1), E' \t\n\r\f\v')
               else 'user:' || t.name
           end
      from (select btrim(normalize(name, nfc), E' \t\n\r\f\v') as name) t
$$;

-- Whether two names are one person's: letter case does not count.
create function actum.is_same(one text, other text) returns boolean
language sql immutable parallel safe as $$
    select coalesce(btrim(one, E' \t\n\r\f\v') <> '' and btrim(other, E' \t\n\r\f\v') <> ''
                    and lower(actum.identity(one)) = lower(actum.identity(other)), false)
$$;

-- Whether a name is one of several people's.
create function actum.is_one_of(a_name text, names text[]) returns boolean
language sql immutable parallel safe as $$
    select coalesce(bool_or(actum.is_same(a_name, n)), false) from unnest(names) n
$$;

-- Through which entry of the approvers a person may decide, or null; the rule is `actum.machine.approvals.may_decide`.
create function actum.may_decide(
    person text, requester text, authors text[], approvers text[], never text[], groups text[], standing text
) returns text
language sql immutable parallel safe as $$
    select case
               when p.name in ('user:', 'service:') or split_part(p.name, ':', 1) in ('group', 'team') then null
               when actum.is_same(person, requester) or actum.is_one_of(person, authors) then null
               when standing in ('disabled', 'roleless') then null
               when exists (
                        select from unnest(never) n
                         where lower(actum.identity(n)) = lower(p.name)
                            or lower(actum.identity(n)) = any(select lower(g) from unnest(groups) g)
                    ) then null
               when standing = 'open' then 'anybody'
               when standing = 'break_glass' then 'break-glass'
               when coalesce(cardinality(approvers), 0) = 0 then
                   case when standing = 'active' and btrim(coalesce(requester, ''), E' \t\n\r\f\v') <> '' then 'anybody' end
               else coalesce(
                   (
                       select p.name from unnest(approvers) a where lower(actum.identity(a)) = lower(p.name) limit 1
                   ),
                   (
                       select a.entry
                         from unnest(approvers) with ordinality a(entry, position)
                        where standing = 'active'
                          and btrim(coalesce(requester, ''), E' \t\n\r\f\v') <> ''
                          and lower(actum.identity(a.entry)) = any(select lower(g) from unnest(groups) g)
                          and split_part(actum.identity(a.entry), ':', 1) in ('group', 'team')
                          and actum.identity(a.entry) not in ('group:', 'team:')
                        order by a.position
                        limit 1
                   ))
           end
      from (select actum.identity(person) as name) p
$$;

-- How a person stands with the accounts: open (there are none), stranger, disabled, break_glass, active, roleless.
create function actum.standing_of(a_person text, instant timestamptz) returns text
language sql stable as $$
    select case
               when not exists (select from actum.accounts) then 'open'
               when a.identity is null then 'stranger'
               when a.disabled_at is not null then 'disabled'
               when exists (
                        select from actum.break_glass b
                         where lower(b.actor) = lower(a.identity)
                           and b.role = any(a.roles)
                           and b.ended_at is null
                           and b.opened_at <= instant
                           and b.until > instant
                    ) then 'break_glass'
               when a.roles && array['approver', 'admin'] then 'active'
               else 'roleless'
           end
      from (select lower(actum.identity(a_person)) as name) p
      left join actum.accounts a on lower(a.identity) = p.name
$$;

create function actum.groups_of(a_person text) returns text[]
language sql stable as $$
    select coalesce(array_agg(m.group_name), '{}')
      from actum.members m
     where lower(m.identity) = (select lower(actum.identity(a_person)))  -- once, not for each row
       and m.removed_at is null
$$;

create function actum.requirements_of(approval actum.approvals) returns jsonb
language sql immutable as $$
    select coalesce(approval.requirements,
                    jsonb_build_array(jsonb_build_object('group', 'approvers', 'by', to_jsonb(approval.approvers))))
$$;

-- The names of the requirements of an approval that a person's vote would count towards.
create function actum.satisfied_by(approval actum.approvals, a_person text, instant timestamptz) returns text[]
language sql stable as $$
    select coalesce(array_agg(r.value ->> 'group'), '{}')
      from jsonb_array_elements(actum.requirements_of(approval)) r,
           lateral (select actum.groups_of(a_person) as groups, actum.standing_of(a_person, instant) as standing offset 0) s
     where actum.may_decide(
               a_person, approval.requester, approval.authors,
               array(select jsonb_array_elements_text(coalesce(r.value -> 'by', '[]'))),
               array(select jsonb_array_elements_text(coalesce(r.value -> 'never', '[]'))
                     except values ('requester'), ('contract_author')),
               s.groups, s.standing) is not null
$$;

-- Those of some requirements of an approval from which a person is not kept out, by name or by a group, as its `never` says;
-- whoever handed over is in it too.
create function actum.not_kept_out(approval actum.approvals, names text[], a_person text) returns text[]
language sql stable as $$
    select coalesce(array_agg(n.name), '{}')
      from unnest(names) n(name),
           lateral (select array(select lower(g) from unnest(actum.groups_of(a_person)) g)
                           || lower(actum.identity(a_person)) as mine offset 0) m
     where not exists (
               select from jsonb_array_elements(actum.requirements_of(approval)) r,
                           jsonb_array_elements_text(coalesce(r.value -> 'never', '[]')) k(entry)
                where r.value ->> 'group' = n.name
                  and lower(actum.identity(k.entry)) = any(m.mine)
           )
$$;

-- Whom a person's vote counts for: the person, else somebody who delegated to them; who voted in this round is left out.
-- A delegate decides where both may: who is kept out is so in everybody's place.
create function actum.find_principal(
    approval actum.approvals, a_person text, instant timestamptz, out counts_for text, out satisfies text[]
)
language sql stable as $$
    select p.name, s.names
      from (
               select lower(actum.identity(a_person)) as name, 0 as rank
                union all
               select lower(actum.identity(d.delegator)), 1
                 from actum.delegations d
                where lower(d.delegate) = (select lower(actum.identity(a_person)))
                  and d.revoked_at is null
                  and d.since <= instant
                  and d.until > instant
                  and actum.standing_of(a_person, instant) not in ('disabled', 'roleless')
           ) p,
           lateral (
               select case when p.rank = 0 then actum.satisfied_by(approval, p.name, instant)
                           else actum.not_kept_out(approval, actum.satisfied_by(approval, p.name, instant), a_person)
                      end as names
               offset 0  -- once, not for each use
           ) s
     where cardinality(s.names) > 0
       and not exists (
               select from actum.votes v
                where v.approval_id = approval.id and v.round = approval.round and v.counts_for = p.name
           )
     order by p.rank, p.name
     limit 1
$$;

create function actum.has_quorum(approval actum.approvals) returns boolean
language sql stable as $$
    select not exists (
        select from jsonb_array_elements(actum.requirements_of(approval)) r
         where coalesce((r.value ->> 'quorum')::integer, 1) > (
                   select count(*)
                     from actum.votes v
                    where v.approval_id = approval.id
                      and v.round = approval.round
                      and v.ruling = 'approved'
                      and r.value ->> 'group' = any(v.satisfies)
               )
    )
$$;

-- One text of the preimage below: its length in code points and itself; absent is a hyphen.
create function actum.preimage_of(a_text text) returns text
language sql immutable parallel safe as $$
    select coalesce(length(a_text) || ':' || a_text, '-')
$$;

-- The link of a decision to the one before; the preimage is written down in `actum.machine.decisions`.
create function actum.link_decision(entry actum.decisions) returns bytea
language sql immutable as $$
    select sha256(
        '\x01'::bytea || entry.previous || uuid_send(entry.workflow_id)
        || convert_to(
               entry.seq || ';' || (extract(epoch from entry.decided_at) * 1000000)::bigint || ';' || entry.tier || ';'
               || coalesce(entry.seen_ms::text, '') || ';' || coalesce(entry.round::text, '') || ';'
               || actum.preimage_of(entry.address) || actum.preimage_of(entry.approval_id::text)
               || actum.preimage_of(entry.kind) || actum.preimage_of(entry.contract) || actum.preimage_of(entry.team)
               || actum.preimage_of(entry.ruling) || actum.preimage_of(entry.rule) || actum.preimage_of(entry.actor)
               || actum.preimage_of(entry.counts_for) || actum.preimage_of(entry.rationale)
               || actum.preimage_of(entry.facts) || actum.preimage_of(entry.seen)
               || coalesce(encode(entry.policy_hash, 'hex') || ';', '-')
               || coalesce(encode(entry.action_hash, 'hex') || ';', '-'), 'UTF8'))
$$;

-- Appends to a workflow's chain of decisions; the caller holds the workflow's lock.
create function actum.log_decision(entry actum.decisions) returns void
language plpgsql as $$
begin
    select h.count + 1, h.head into entry.seq, entry.previous
      from actum.decision_heads h where h.workflow_id = entry.workflow_id;
    entry.seq := coalesce(entry.seq, 1);
    entry.previous := coalesce(entry.previous, decode(repeat('00', 32), 'hex'));
    entry.hash := actum.link_decision(entry);
    insert into actum.decisions (workflow_id, seq, address, approval_id, kind, contract, team, tier, ruling, rule, actor,
                                 counts_for, rationale, facts, seen, seen_ms, round, policy_hash, action_hash,
                                 decided_at, previous, hash)
    values (entry.workflow_id, entry.seq, entry.address, entry.approval_id, entry.kind, entry.contract, entry.team,
            entry.tier, entry.ruling, entry.rule, entry.actor, entry.counts_for, entry.rationale, entry.facts,
            entry.seen, entry.seen_ms, entry.round, entry.policy_hash, entry.action_hash, entry.decided_at,
            entry.previous, entry.hash);
    insert into actum.decision_heads (workflow_id, count, head) values (entry.workflow_id, entry.seq, entry.hash)
        on conflict (workflow_id) do update set count = excluded.count, head = excluded.head;
end
$$;

-- What is logged about an approval: the row that `log_decision` appends.
create function actum.entry_about(
    approval actum.approvals, a_ruling text, an_actor text, a_rationale text, instant timestamptz
) returns actum.decisions
language plpgsql stable as $$
declare
    entry actum.decisions%rowtype;
begin
    entry.workflow_id := approval.workflow_id;
    entry.address := approval.address;
    entry.approval_id := approval.id;
    entry.kind := approval.kind;
    entry.contract := approval.contract;
    entry.team := approval.team;
    entry.tier := approval.tier;
    entry.ruling := a_ruling;
    entry.rule := case when actum.standing_of(an_actor, instant) = 'break_glass' then 'break-glass' else approval.rule end;
    entry.actor := an_actor;
    entry.rationale := a_rationale;
    entry.facts := approval.preview;
    entry.round := approval.round;
    entry.policy_hash := approval.policy_hash;
    entry.action_hash := approval.action_hash;
    entry.decided_at := instant;
    return entry;
end
$$;

-- The instant a function goes by. Another than the clock's may name who could write the rows anyway, as tests do: a worker
-- or a console, for whom a function has more rights than they have themselves, may not.
create function actum.instant_of(a_now timestamptz) returns timestamptz
language sql volatile as $$
    select case when a_now is not null and pg_has_role(session_user, current_user, 'usage') then a_now
                else clock_timestamp() end
$$;

-- Locks workflow, then approval, and returns the approval; all null when there is none.
create function actum.lock_approval(an_approval uuid) returns actum.approvals
language plpgsql as $$
declare
    approval actum.approvals%rowtype;
begin
    perform 1 from actum.workflows w
      where w.id = (select a.workflow_id from actum.approvals a where a.id = an_approval) for update;
    select * into approval from actum.approvals a where a.id = an_approval for update;
    return approval;
end
$$;

-- Leaves word for a workflow, and wakes it.
create function actum.tell_workflow(
    approval actum.approvals, an_outcome text, an_actor text, a_reason text, a_body bytea, instant timestamptz
) returns void
language plpgsql as $$
begin
    insert into actum.messages (workflow_id, kind, name, address, outcome, body, actor, reason, sent_at)
    values (approval.workflow_id, 'decision', approval.id::text, approval.address, an_outcome, a_body, an_actor, a_reason,
            instant);
    update actum.workflows w
       set wake = w.wake + 1, run_at = least(w.run_at, instant)
     where w.id = approval.workflow_id;
end
$$;

-- Whether the time to decide has passed; a question stops the clock, and `hold` waits for a person whatever the hour.
create function actum.is_expired(approval actum.approvals, instant timestamptz) returns boolean
language sql immutable as $$
    select coalesce(approval.paused_at is null and approval.on_expiry <> 'hold' and approval.expires_at <= instant, false)
$$;

-- How long there is to decide in a round, questions left out; null where there is no end.
create function actum.time_to_decide(approval actum.approvals) returns interval
language sql immutable as $$
    select approval.expires_at - coalesce(approval.escalated_at, approval.asked_at) - approval.paused_for
$$;

-- When the reminder of this round is due; null where there is no end.
create function actum.remind_at(approval actum.approvals) returns timestamptz
language sql immutable as $$
    select approval.expires_at - actum.time_to_decide(approval) * (1 - approval.remind_share::numeric::float8)
$$;

-- Escalates an approval that has expired and names others to escalate to; the caller holds the locks. A new round of votes
-- begins: those of the one before neither count in it, nor with which arguments they approved, nor do they bar anybody.
create function actum.escalate_if_due(approval actum.approvals, instant timestamptz) returns actum.approvals
language plpgsql as $$
begin
    if approval.on_expiry <> 'escalate' or approval.escalate_to is null or approval.escalated_at is not null
       or approval.ruling is not null or approval.closed is not null or not actum.is_expired(approval, instant) then
        return approval;
    end if;
    update actum.approvals a
       set requirements = a.escalate_to,
           round = a.round + 1,
           edited = null,
           expires_at = instant + actum.time_to_decide(approval),
           paused_for = '0',
           escalated_at = instant,
           reminded_at = null
     where a.id = approval.id
    returning * into approval;
    perform actum.log_decision(actum.entry_about(approval, 'escalated', 'clock', null, instant));
    insert into actum.notifications select n.* from actum.notice_about(approval, 'escalation', instant) n
        on conflict do nothing;
    return approval;
end
$$;

-- The hash of the card that an approval is read as: its action's in the first round of votes, another in each later one.
create function actum.card_hash(approval actum.approvals) returns bytea
language sql immutable as $$
    select case when approval.round = 1 then approval.action_hash
                else sha256(approval.action_hash || int4send(approval.round)) end
$$;

-- What a decision that was made in `a_round` comes to, before anything is written: voted, or why not.
create function actum.judge_decision(
    approval actum.approvals, a_ruling text, an_actor text, a_seen_hash bytea, an_edit bytea, a_round integer,
    instant timestamptz,
    out answer text, out detail text, out counts_for text, out satisfies text[]
)
language plpgsql stable as $$
declare
    person text := lower(actum.identity(an_actor));
    earlier text := (select v.ruling from actum.votes v
                      where v.approval_id = approval.id and v.round = approval.round and v.voter = person);
begin
    if approval.ruling is not null then
        answer := case when earlier = a_ruling and earlier = approval.ruling then 'repeated' else 'not_pending' end;
        detail := approval.rationale;
    elsif approval.closed is not null then
        answer := 'not_pending';
    elsif actum.is_expired(approval, instant) then
        answer := 'expired';
        detail := approval.expires_at::text;
    elsif a_round <> approval.round or a_seen_hash <> actum.card_hash(approval) then
        answer := 'stale_card';
    elsif earlier is not null then
        answer := case when earlier = a_ruling then 'repeated' else 'already_voted' end;
        detail := earlier;
    elsif actum.is_same(an_actor, approval.requester) or actum.is_one_of(an_actor, approval.authors) then
        answer := case when a_ruling = 'approved' then 'self_approval' else 'voted' end;
        detail := coalesce(approval.requester, approval.authors[1]);
        counts_for := person;
        satisfies := '{}';
    elsif a_ruling = 'approved' and an_edit is distinct from approval.edited
          and exists (select from actum.votes v where v.approval_id = approval.id and v.round = approval.round) then
        answer := 'edits_differ';
    else
        select p.counts_for, p.satisfies into counts_for, satisfies
          from actum.find_principal(approval, an_actor, instant) p;
        answer := case when counts_for is null then actum.explain_refusal(approval, person, instant) else 'voted' end;
        detail := case when counts_for is null then actum.name_approvers(approval) end;
    end if;
end
$$;

-- Why nobody stands behind this person: already_voted, self_approval (they stand in for the requester), not_entitled.
create function actum.explain_refusal(approval actum.approvals, a_person text, instant timestamptz) returns text
language sql stable as $$
    select case
               when coalesce(bool_or(exists (
                        select from actum.votes v
                         where v.approval_id = approval.id and v.round = approval.round and v.counts_for = p.name
                    )), false) then 'already_voted'
               when coalesce(bool_or(actum.is_same(p.name, approval.requester)
                                     or actum.is_one_of(p.name, approval.authors)), false) then 'self_approval'
               else 'not_entitled'
           end
      from (
               select a_person as name
                union all
               select lower(actum.identity(d.delegator))
                 from actum.delegations d
                where lower(d.delegate) = a_person and d.revoked_at is null and d.since <= instant and d.until > instant
           ) p
$$;

create function actum.name_approvers(approval actum.approvals) returns text
language sql immutable as $$
    select string_agg(distinct e.entry, ' or ')
      from jsonb_array_elements(actum.requirements_of(approval)) r,
           jsonb_array_elements_text(coalesce(r.value -> 'by', '[]')) e(entry)
$$;

-- What people are told about an approval: `approval`, `reminder`, `escalation`, `handed_over`, `inquiry` or `expiry`. What is in a batch is told
-- under the batch's key, so that twenty items are one notification. Only the preview's sentence is said, no argument.
create function actum.notice_about(approval actum.approvals, a_kind text, instant timestamptz) returns actum.notifications
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    notice actum.notifications%rowtype;
    place uuid := coalesce(approval.batch_id, approval.id);
begin
    notice.key := case a_kind
                      when 'reminder' then format('remind/%s/%s', place, approval.round)
                      else a_kind || '/' || place
                  end;
    notice.kind := a_kind;
    notice.about := place;
    notice.recipients := actum.list_approvers(approval);
    notice.subject := case a_kind
                          when 'approval' then 'Please decide: '
                          when 'reminder' then 'Still to be decided: '
                          when 'escalation' then 'Escalated, please decide: '
                          when 'handed_over' then 'Handed over to you, please decide: '
                          when 'inquiry' then 'Please answer a question about: '
                          else 'Nobody decided in time: '
                      end
                      || actum.sentence_of(approval)
                      || case when approval.batch_id is not null then ' (one of a batch)' else '' end;
    notice.body := format('Contract %s, workflow %s', approval.contract,
                          right(replace(approval.workflow_id::text, '-', ''), 8))
                   || coalesce(case
                                   when a_kind <> 'expiry' and approval.paused_at is null then
                                       to_char(approval.expires_at at time zone 'UTC', '", until "YYYY-MM-DD HH24:MI" UTC"')
                               end, '');
    notice.link := case when approval.batch_id is null then 'approvals/' else 'batches/' end || place;
    notice.created_at := instant;
    notice.state := 'unsent';
    notice.due_at := instant;
    notice.attempts := 0;
    notice.channels := '{}';
    return notice;
end
$$;

-- The same about a closed batch, for all of its items that are open; null when none is.
create function actum.notice_of_batch(a_batch uuid, instant timestamptz) returns actum.notifications
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    items actum.approvals[] := array(select a from actum.approvals a
                                      where a.batch_id = a_batch and a.ruling is null and a.closed is null
                                      order by a.asked_at, a.id);
    notice actum.notifications%rowtype;
begin
    if cardinality(items) = 0 then
        return null;
    end if;
    notice := actum.notice_about(items[1], 'batch', instant);
    notice.subject := format('Please decide %s together: %s', cardinality(items), actum.sentence_of(items[1]))
                      || case when cardinality(items) > 1 then format(', and %s more', cardinality(items) - 1) else '' end;
    notice.recipients := array(select distinct e.name from unnest(items) i, unnest(actum.list_approvers(i)) e(name)
                                order by 1);
    return notice;
end
$$;

-- What those who were told of an incident are told once it is over, under one key however it ended; null where nobody was.
create function actum.notice_of_end(incident actum.incidents) returns actum.notifications
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select format('incident/%s/over/%s', incident.id, (extract(epoch from o.at) * 1000)::bigint), 'incident_end', incident.id,
           array_agg(distinct r.name), 'It is over: ' || incident.summary,
           case when incident.resolved_at is null then 'mitigated by ' || incident.mitigated_by
                else format('resolved by %s: %s', incident.resolved_by, incident.cause) end
           || coalesce(', ' || nullif(incident.note, ''), ''),
           'incidents/' || incident.id, o.at, 'unsent', o.at, 0, '{}'::text[], null::timestamptz, null::text
      from (select coalesce(incident.mitigated_at, incident.resolved_at) as at) o,
           actum.notifications n
     cross join unnest(n.recipients) r(name)
     where n.about = incident.id
       and n.kind = 'incident'
     group by o.at
$$;

-- The workflows that an open incident affects, a thousand at most: those that people named, then those found now. Where not
-- all that it affects is seen at each look, those found before stay.
create function actum.affected_by(incident actum.incidents, found uuid[]) returns uuid[]
language sql immutable as $$
    select array(
               select u.id
                 from unnest(incident.named_ids || found
                             || case when incident.rule not in ('doubt', 'stuck', 'approval_late', 'crash_loop', 'unserved')
                                     then incident.workflow_ids end) with ordinality u(id, place)
                group by u.id
                order by min(u.place)
                limit 1000)
$$;

-- The one sentence of a card: the preview's, else kind and step.
create function actum.sentence_of(approval actum.approvals) returns text
language sql immutable as $$
    select coalesce(
               nullif(case when strpos(approval.preview, '\u0000') = 0 then approval.preview::json ->> 'sentence' end, ''),
               format('%s by %s, without a preview', approval.kind, approval.step))
$$;

-- Everybody whom an approval names, once.
create function actum.list_approvers(approval actum.approvals) returns text[]
language sql immutable as $$
    select array(
        select distinct e.entry
          from jsonb_array_elements(actum.requirements_of(approval)) r,
               jsonb_array_elements_text(coalesce(r.value -> 'by', '[]')) e(entry)
         order by 1)
$$;

-- Rules on an approval, tells its workflow and ends its batch; the caller has judged, and holds the locks.
-- Approving with edits closes the action that was asked for: the edited one is another action.
create function actum.rule_approval(
    approval actum.approvals, a_ruling text, an_actor text, a_rationale text, an_edit bytea, instant timestamptz,
    is_granted boolean default false
) returns actum.approvals
language plpgsql as $$
declare
    voters text[] := array(select v.voter from actum.votes v
                            where v.approval_id = approval.id and v.round = approval.round order by 1);
    said jsonb := '{}';
begin
    update actum.approvals a
       set ruling = a_ruling,
           ruled_at = instant,
           ruled_by = an_actor,
           rationale = a_rationale,
           edited = an_edit,
           closed = case when an_edit is not null then 'superseded' end,
           closed_at = case when an_edit is not null then instant end,
           expires_at = case when a.paused_at is not null then a.expires_at + (instant - a.paused_at)
                             when a.expires_at <= instant then instant + actum.time_to_decide(approval)
                             else a.expires_at end,
           paused_at = null,
           placement = null
     where a.id = approval.id
    returning * into approval;
    if cardinality(voters) > 1 then
        said := jsonb_build_object('by', to_jsonb(voters));
    end if;
    if an_edit is not null then
        said := said || jsonb_build_object('edited', encode(an_edit, 'hex'));
    end if;
    if is_granted then
        said := said || jsonb_build_object('granted', true);
    end if;
    perform actum.tell_workflow(approval, a_ruling, an_actor, a_rationale,
                                case when said <> '{}' then convert_to(said::text, 'UTF8') end, instant);
    if approval.batch_id is not null then
        perform actum.end_batch(approval.batch_id, instant);
    end if;
    return approval;
end
$$;

create function actum.end_batch(a_batch uuid, instant timestamptz) returns void
language plpgsql as $$
begin
    perform 1 from actum.batches b where b.id = a_batch for update;
    update actum.batches b
       set state = 'decided', decided_at = instant
     where b.id = a_batch
       and b.state = 'shown'
       and not exists (select from actum.approvals a where a.id = any(b.items) and a.ruling is null and a.closed is null);
end
$$;

-- The only way a person decides an approval. Locks workflow, then approval; reads the clock after both locks.
-- A repeated decision by the same person returns the first answer. `answer` is one of decided | voted (counted, more
-- are needed) | repeated | not_found | not_pending | expired | stale_card | self_approval | not_entitled |
-- already_voted | edits_differ. Any rejection closes; the quorum of every requirement closes. Requester and authors
-- approve nothing, through a delegate neither, and may reject. As long as there are no accounts anybody else decides.
-- A decision is of the round in which its call began, or of `a_round`: one that waited across an escalation is of none.
create function actum.decide_approval(
    an_approval uuid, a_ruling text, an_actor text, a_rationale text, a_seen_hash bytea, a_now timestamptz,
    an_edit bytea default null, a_seen text default null, a_seen_ms integer default null, a_round integer default null
) returns table (answer text, state text, workflow_id uuid, ruled_by text, detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    begun integer := coalesce(a_round, (select a.round from actum.approvals a where a.id = an_approval));  -- before the locks
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    instant timestamptz := actum.instant_of(a_now);
    judged record;
    entry actum.decisions%rowtype;
    is_last boolean;
begin
    if approval.id is null then
        return query select 'not_found', null::text, null::uuid, null::text, null::text;
        return;
    end if;
    approval := actum.escalate_if_due(approval, instant);
    judged := actum.judge_decision(approval, a_ruling, an_actor, a_seen_hash, an_edit, begun, instant);
    if judged.answer <> 'voted' then
        return query select judged.answer, approval.state, approval.workflow_id, approval.ruled_by, judged.detail;
        return;
    end if;
    insert into actum.votes (approval_id, voter, counts_for, ruling, satisfies, voted_at, round)
    values (approval.id, lower(actum.identity(an_actor)), judged.counts_for, a_ruling, judged.satisfies, instant,
            approval.round);
    is_last := a_ruling = 'rejected' or actum.has_quorum(approval);
    entry := actum.entry_about(approval, case when is_last then a_ruling else 'voted' end, an_actor, a_rationale, instant);
    entry.counts_for := nullif(judged.counts_for, lower(actum.identity(an_actor)));
    if actum.standing_of(judged.counts_for, instant) = 'break_glass' then
        entry.rule := 'break-glass';
    end if;
    entry.seen := a_seen;
    entry.seen_ms := a_seen_ms;
    perform actum.log_decision(entry);
    if is_last then
        approval := actum.rule_approval(approval, a_ruling, an_actor, a_rationale,
                                        case when a_ruling = 'approved' then an_edit end, instant);
    elsif an_edit is not null then
        update actum.approvals a set edited = an_edit where a.id = approval.id;
    end if;
    return query select case when is_last then 'decided' else 'voted' end, approval.state, approval.workflow_id,
                        case when is_last then an_actor end, null::text;
end
$$;

-- Decides many approvals in one call, each judged as if alone; answers in the order given. Locks all workflows, then
-- all approvals, each by ascending id.
create function actum.decide_approvals(
    some_approvals uuid[], some_rulings text[], some_rationales text[], some_seen_hashes bytea[], an_actor text,
    a_now timestamptz, a_seen text default null, a_seen_ms integer default null
) returns table (approval_id uuid, answer text, state text, workflow_id uuid, ruled_by text, detail text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    rounds integer[] := array(select a.round
                                from unnest(some_approvals) with ordinality o(id, position)
                                left join actum.approvals a on a.id = o.id
                               order by o.position);  -- before the locks
begin
    perform 1 from actum.workflows w
      where w.id in (select a.workflow_id from actum.approvals a where a.id = any(some_approvals))
      order by w.id for update;
    perform 1 from actum.approvals a where a.id = any(some_approvals) order by a.id for update;
    perform 1 from actum.batches b
      where b.id in (select a.batch_id from actum.approvals a where a.id = any(some_approvals))
      order by b.id for update;
    for number in 1 .. cardinality(some_approvals) loop
        return query
            select some_approvals[number], d.*
              from actum.decide_approval(some_approvals[number], some_rulings[number], an_actor, some_rationales[number],
                                         some_seen_hashes[number], a_now, null, a_seen, a_seen_ms, rounds[number]) d;
    end loop;
end
$$;

-- Whether somebody has a say about an approval: entitled, or stood for by a delegation.
create function actum.has_say(approval actum.approvals, an_actor text, instant timestamptz) returns boolean
language sql stable as $$
    select exists (
               select from actum.votes v
                where v.approval_id = approval.id
                  and v.round = approval.round
                  and v.voter = lower(actum.identity(an_actor))
           )
        or (select p.counts_for is not null from actum.find_principal(approval, an_actor, instant) p)
$$;

-- Takes an approval back before it is used: revoked | repeated | not_found | not_approved | not_entitled.
create function actum.revoke_approval(an_approval uuid, an_actor text, a_reason text, a_now timestamptz)
returns table (answer text, state text, workflow_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    instant timestamptz := actum.instant_of(a_now);
    word text;
begin
    word := case
                when approval.id is null then 'not_found'
                when approval.state = 'revoked' then 'repeated'
                when approval.state <> 'approved' then 'not_approved'
                when not (actum.has_say(approval, an_actor, instant) or actum.is_same(an_actor, approval.requester))
                    then 'not_entitled'
                else 'revoked'
            end;
    if word = 'revoked' then
        update actum.approvals a set closed = 'revoked', closed_at = instant where a.id = approval.id
        returning * into approval;
        perform actum.log_decision(actum.entry_about(approval, 'revoked', an_actor, a_reason, instant));
        perform actum.tell_workflow(approval, 'revoked', an_actor, a_reason, null, instant);
    end if;
    return query select word, approval.state, approval.workflow_id;
end
$$;

-- The requirements of an approval once an actor has handed their say under some of them over to a person.
create function actum.hand_requirements(approval actum.approvals, names text[], an_actor text, a_person text) returns jsonb
language sql immutable as $$
    select jsonb_agg(case
                         when r.value ->> 'group' = any(names) then r.value || jsonb_build_object(
                             'by', case
                                 when jsonb_array_length(coalesce(r.value -> 'by', '[]')) = 0 then '[]'
                                 else r.value -> 'by' || to_jsonb(actum.identity(a_person))
                             end,
                             'never', coalesce(r.value -> 'never', '[]') || to_jsonb(actum.identity(an_actor)))
                         else r.value
                     end)
      from jsonb_array_elements(actum.requirements_of(approval)) r
$$;

-- Whether an approval as it would be handed over can still be decided: the person can vote wherever the actor could, and
-- of those who are named one by one enough are left for every quorum.
create function actum.is_decidable(approval actum.approvals, names text[], a_person text, instant timestamptz) returns boolean
language sql stable as $$
    select names <@ actum.satisfied_by(approval, a_person, instant)
           and not exists (
                   select from actum.votes v
                    where v.approval_id = approval.id
                      and v.round = approval.round
                      and lower(actum.identity(a_person)) in (v.voter, v.counts_for)
               )
           and not exists (
                   select from jsonb_array_elements(actum.requirements_of(approval)) r,
                               lateral (
                                   select count(distinct lower(actum.identity(e.name)))
                                              filter (where r.value ->> 'group' = any(actum.satisfied_by(approval, e.name, instant))) as left,
                                          bool_and(actum.identity(e.name) !~ '^(group|team):') as are_persons
                                     from jsonb_array_elements_text(coalesce(r.value -> 'by', '[]')) e(name)
                               ) p
                    where r.value ->> 'group' = any(names)
                      and p.are_persons
                      and p.left < coalesce((r.value ->> 'quorum')::integer, 1)
               )
$$;

-- Hands an open approval over to somebody else, who is told and decides in the actor's place; the actor has no say any more.
-- handed_over | not_found | not_pending | expired | not_entitled | already_voted | self_approval | two_votes (the person has
-- a say under another requirement, and one vote would be both) | break_glass (which is the actor's alone) | undecidable (the
-- person could not vote, or too few would be left who can).
create function actum.hand_over_approval(an_approval uuid, an_actor text, a_person text, a_reason text, a_now timestamptz)
returns table (answer text, state text, workflow_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    instant timestamptz := actum.instant_of(a_now);
    handed actum.approvals%rowtype;
    names text[];
    word text;
    notice actum.notifications%rowtype;
begin
    approval := actum.escalate_if_due(approval, instant);
    names := actum.satisfied_by(approval, an_actor, instant);
    handed := approval;
    handed.requirements := actum.hand_requirements(approval, names, an_actor, a_person);
    word := case
                when approval.id is null then 'not_found'
                when approval.state <> 'pending' then 'not_pending'
                when actum.is_expired(approval, instant) then 'expired'
                when actum.is_same(a_person, approval.requester) or actum.is_one_of(a_person, approval.authors)
                    then 'self_approval'
                when cardinality(names) = 0 or actum.identity(a_person) !~ '^(user|service):.' then 'not_entitled'
                when exists (
                         select from actum.votes v
                          where v.approval_id = approval.id
                            and v.round = approval.round
                            and lower(actum.identity(an_actor)) in (v.voter, v.counts_for)
                     ) then 'already_voted'
                when actum.standing_of(an_actor, instant) = 'break_glass' then 'break_glass'
                when not actum.satisfied_by(approval, a_person, instant) <@ names then 'two_votes'
                when not actum.is_decidable(handed, names, a_person, instant) then 'undecidable'
                else 'handed_over'
            end;
    if word = 'handed_over' then
        update actum.approvals a set requirements = handed.requirements where a.id = approval.id
        returning * into approval;
        notice := actum.notice_about(approval, 'handed_over', instant);
        notice.key := notice.key || '/' || lower(actum.identity(a_person));
        notice.recipients := array[actum.identity(a_person)];
        insert into actum.notifications select notice.* on conflict do nothing;
        perform actum.log_decision(actum.entry_about(
            approval, 'handed_over', an_actor, 'to ' || actum.identity(a_person) || ': ' || a_reason, instant));
    end if;
    return query select word, approval.state, approval.workflow_id;
end
$$;

-- Asks something about an open approval; its time stands still until every question is answered. Whoever asked for it or
-- wrote it is told, or their team.
-- asked | not_found | not_pending | expired | not_entitled.
create function actum.inquire(an_approval uuid, an_actor text, a_question text, a_now timestamptz)
returns table (answer text, inquiry_id bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    instant timestamptz := actum.instant_of(a_now);
    word text;
    number bigint;
    notice actum.notifications%rowtype;
begin
    approval := actum.escalate_if_due(approval, instant);
    word := case
                when approval.id is null then 'not_found'
                when approval.state <> 'pending' then 'not_pending'
                when actum.is_expired(approval, instant) then 'expired'
                when not actum.has_say(approval, an_actor, instant) then 'not_entitled'
                else 'asked'
            end;
    if word = 'asked' then
        insert into actum.inquiries (approval_id, question, asked_by, asked_at)
        values (an_approval, a_question, an_actor, instant) returning id into number;
        update actum.approvals a set paused_at = coalesce(a.paused_at, instant) where a.id = an_approval;
        perform actum.log_decision(actum.entry_about(approval, 'asked', an_actor, a_question, instant));
        notice := actum.notice_about(approval, 'inquiry', instant);
        notice.key := 'inquiry/' || number;
        notice.body := a_question || E'\n' || notice.body;
        notice.recipients := array(select distinct actum.identity(n)
                                     from unnest(approval.authors || approval.requester) n where n is not null order by 1);
        if notice.recipients = '{}' then
            notice.recipients := array_remove(array['team:' || approval.team], null);
        end if;
        insert into actum.notifications select notice.*;
    end if;
    return query select word, number;
end
$$;

-- Answers such a question; anybody may who is not nobody. With the last answer time goes on: answered | repeated |
-- not_found.
create function actum.answer_inquiry(an_inquiry bigint, an_actor text, an_answer text, a_now timestamptz)
returns table (answer text, approval_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype :=
        actum.lock_approval((select i.approval_id from actum.inquiries i where i.id = an_inquiry));
    instant timestamptz := actum.instant_of(a_now);
begin
    update actum.inquiries i set answer = an_answer, answered_by = an_actor, answered_at = instant
     where i.id = an_inquiry and i.answered_at is null;
    if not found then
        return query select case when approval.id is null then 'not_found' else 'repeated' end, approval.id;
        return;
    end if;
    perform actum.log_decision(actum.entry_about(approval, 'answered', an_actor, an_answer, instant));
    update actum.approvals a
       set expires_at = a.expires_at + (instant - a.paused_at),
           paused_for = a.paused_for + (instant - a.paused_at),
           paused_at = null
     where a.id = approval.id
       and a.ruling is null
       and a.paused_at is not null
       and not exists (
               select from actum.inquiries i where i.approval_id = a.id and i.answered_at is null
           );
    return query select 'answered', approval.id;
end
$$;

-- Ends or escalates open approvals whose time has passed, and tells their workflows; returns what became of each.
create function actum.expire_approvals(a_limit integer, a_now timestamptz)
returns table (approval_id uuid, workflow_id uuid, outcome text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    due uuid;
    approval actum.approvals%rowtype;
    instant timestamptz;
begin
    for due in
        select a.id
          from actum.approvals a
         where a.ruling is null
           and a.closed is null
           and a.paused_at is null
           and a.on_expiry <> 'hold'
           and a.expires_at <= actum.instant_of(a_now)
         order by a.workflow_id, a.id
         limit a_limit
    loop
        approval := actum.lock_approval(due);
        instant := actum.instant_of(a_now);
        continue when approval.state <> 'pending' or not actum.is_expired(approval, instant);
        approval := actum.escalate_if_due(approval, instant);
        if actum.is_expired(approval, instant) then
            update actum.approvals a set closed = 'expired', closed_at = instant where a.id = due
            returning * into approval;
            perform actum.log_decision(actum.entry_about(approval, 'expired', 'clock', null, instant));
            insert into actum.notifications select n.* from actum.notice_about(approval, 'expiry', instant) n
                on conflict do nothing;
            perform actum.tell_workflow(approval, 'expired', 'clock', null, null, instant);
        end if;
        return query select due, approval.workflow_id, case when approval.closed is null then 'escalated' else 'expired' end;
    end loop;
end
$$;

-- Whether amounts fit beside what is taken already; an amount that is missing, negative or no number fits nothing, and
-- nothing fits a limit that is no number.
create function actum.fits(taken jsonb, amounts jsonb, limits jsonb) returns boolean
language sql immutable as $$
    select coalesce(bool_and(case
               when jsonb_typeof(amounts -> l.key) is distinct from 'number' then false
               when jsonb_typeof(l.value) <> 'number' then false
               when (amounts ->> l.key)::numeric < 0 then false
               else coalesce((taken ->> l.key)::numeric, 0) + (amounts ->> l.key)::numeric <= (l.value #>> '{}')::numeric
           end), true)
      from jsonb_each(limits) l
$$;

create function actum.add_amounts(taken jsonb, amounts jsonb) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_object_agg(s.key, s.total), '{}')
      from (
               select e.key, sum(e.value::numeric) as total
                 from (
                          select * from jsonb_each(taken)
                           union all
                          select * from jsonb_each(amounts)
                      ) e
                where jsonb_typeof(e.value) = 'number'
                group by e.key
           ) s
$$;

-- Puts an open approval of tier 1 into the open batch of its rule and key, or opens one as `a_batch`; null when it has to
-- stand alone, as anything of tier 2 has. A second call finds the first one's batch.
create function actum.join_batch(
    an_approval uuid, a_batch uuid, a_rule text, a_policy bytea, a_key text, a_window interval, a_max_items integer,
    some_max_sums jsonb, some_amounts jsonb, a_now timestamptz
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    instant timestamptz;
    batch actum.batches%rowtype;
    reason text;
begin
    if approval.batch_id is not null or approval.state is distinct from 'pending' or approval.tier <> 1 then
        return approval.batch_id;
    end if;
    perform pg_advisory_xact_lock(hashtext('actum.batches'), hashtext(a_rule || ' ' || a_key));
    instant := actum.instant_of(a_now);
    select * into batch from actum.batches b
     where b.rule = a_rule and b.key = a_key and b.state = 'open' and b.closed_at is null for update;
    reason := case
                  when batch.id is null then null
                  when batch.closes_at <= instant then 'window'
                  when batch.policy_hash is distinct from a_policy then 'policy'
                  when not actum.fits(batch.sums, some_amounts, batch.max_sums) then 'sum'
              end;
    if not actum.fits('{}', some_amounts, some_max_sums) then
        perform actum.settle_prompt(approval, 1, instant);
        return null;
    end if;
    if reason is not null then
        update actum.batches b set closed_at = instant, close_reason = reason where b.id = batch.id;
    end if;
    if batch.id is null or reason is not null then
        insert into actum.batches (id, rule, policy_hash, key, opened_at, closes_at, max_items, max_sums)
        values (a_batch, a_rule, a_policy, a_key, instant, instant + a_window, a_max_items, some_max_sums)
        returning * into batch;
    end if;
    update actum.batches b
       set count = b.count + 1,
           sums = actum.add_amounts(b.sums, some_amounts),
           closed_at = case when b.count + 1 >= b.max_items then instant end,
           close_reason = case when b.count + 1 >= b.max_items then 'size' end
     where b.id = batch.id;
    update actum.approvals a set batch_id = batch.id, placement = null where a.id = an_approval;
    perform actum.settle_prompt(approval, (batch.id = a_batch)::integer, instant);
    return batch.id;
end
$$;

-- Fixes a batch's items, because somebody looks at them; nothing joins it after that. Returns them in the order asked.
-- A batch that was not sifted is closed, and returns none until it was.
create function actum.show_batch(a_batch uuid, a_now timestamptz) returns setof uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    batch actum.batches%rowtype;
begin
    select * into batch from actum.batches b where b.id = a_batch for update;
    if batch.state = 'open' then
        update actum.batches b
           set closed_at = coalesce(b.closed_at, actum.instant_of(a_now)),
               close_reason = coalesce(b.close_reason, 'shown')
         where b.id = a_batch;
    end if;
    if batch.state = 'open' and batch.sifted_at is not null then
        update actum.batches b
           set state = 'shown',
               shown_at = actum.instant_of(a_now),
               items = array(
                   select a.id from actum.approvals a
                    where a.batch_id = a_batch and a.ruling is null and a.closed is null
                    order by a.asked_at, a.id)
         where b.id = a_batch
        returning * into batch;
    end if;
    return query select unnest(batch.items);
end
$$;

-- Takes the outliers out of a closed batch nobody has seen yet, to be decided alone at tier 2, and keeps that it was
-- looked through: it says whether this call did it, which one call does. Each is taken out for its reason.
create function actum.sift_batch(a_batch uuid, some_outliers uuid[], some_reasons text[], a_now timestamptz)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    one record;
    approval actum.approvals%rowtype;
begin
    perform 1 from actum.workflows w
      where w.id in (select a.workflow_id from actum.approvals a where a.id = any(some_outliers))
      order by w.id for update;
    perform 1 from actum.approvals a where a.id = any(some_outliers) order by a.id for update;
    perform 1 from actum.batches b
      where b.id = a_batch and b.state = 'open' and b.closed_at is not null and b.sifted_at is null for update;
    if not found then
        return false;
    end if;
    for one in select o.id, o.reason from unnest(some_outliers, some_reasons) as o(id, reason)
    loop
        update actum.approvals a set batch_id = null, tier = 2
         where a.id = one.id and a.batch_id = a_batch and a.state = 'pending'
        returning * into approval;
        continue when not found;
        update actum.batches b set count = b.count - 1 where b.id = a_batch;
        perform actum.log_decision(actum.entry_about(
            approval, 'ejected', 'clock', one.reason, actum.instant_of(a_now)));
    end loop;
    update actum.batches b set sifted_at = actum.instant_of(a_now) where b.id = a_batch;
    return true;
end
$$;

-- Takes one use of something limited: reserved | repeated (the same attempt has its use) | spent. Exact, because whoever
-- takes from one limit waits for the others.
create function actum.reserve(
    a_limit uuid, a_workflow uuid, an_address text, an_attempt integer, an_approval uuid, some_amounts jsonb,
    a_max_uses integer, some_max_sums jsonb, a_now timestamptz
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    uses integer;
    taken jsonb;
begin
    perform pg_advisory_xact_lock(hashtext('actum.reservations'), hashtext(a_limit::text));
    if exists (
           select from actum.reservations r
            where r.limit_id = a_limit and r.workflow_id = a_workflow and r.address = an_address
              and r.attempt = an_attempt and r.state <> 'released'
       ) then
        return 'repeated';
    end if;
    select count(*) into uses from actum.reservations r where r.limit_id = a_limit and r.state <> 'released';
    select coalesce(jsonb_object_agg(s.key, s.total), '{}') into taken
      from (
               select e.key, sum(e.value::numeric) as total
                 from actum.reservations r, jsonb_each(r.amounts) e
                where r.limit_id = a_limit and r.state <> 'released' and jsonb_typeof(e.value) = 'number'
                group by e.key
           ) s;
    if uses >= a_max_uses or not actum.fits(taken, some_amounts, some_max_sums) then
        return 'spent';
    end if;
    insert into actum.reservations (limit_id, workflow_id, address, attempt, approval_id, amounts, taken_at)
    values (a_limit, a_workflow, an_address, an_attempt, an_approval, some_amounts, actum.instant_of(a_now))
        on conflict (limit_id, workflow_id, address, attempt) do update
           set state = 'reserved', approval_id = excluded.approval_id, amounts = excluded.amounts,
               taken_at = excluded.taken_at, ended_at = null;
    return 'reserved';
end
$$;

-- Whether a grant's giver alone would have been enough to approve: entitled under every requirement, each of one vote,
-- and not by a broken glass, through which people decide one by one.
create function actum.is_enough(approval actum.approvals, a_person text, instant timestamptz) returns boolean
language sql stable as $$
    select coalesce(bool_and(coalesce((r.value ->> 'quorum')::integer, 1) <= 1
                             and r.value ->> 'group' = any(actum.satisfied_by(approval, a_person, instant))), false)
           and actum.standing_of(a_person, instant) <> 'break_glass'
      from jsonb_array_elements(actum.requirements_of(approval)) r
$$;

-- Asked anew, the same attempt changes its use for one of what is asked now: the earlier approval, if it was not used, is
-- closed for the new one. When that does not fit any more, everything stays as it was.
create function actum.rebind_reservation(
    given actum.grants, approval actum.approvals, an_attempt integer, some_amounts jsonb, instant timestamptz
) returns text
language plpgsql as $$
declare
    earlier actum.reservations%rowtype;
    word text;
begin
    select * into earlier from actum.reservations r
     where r.limit_id = given.id and r.workflow_id = approval.workflow_id and r.address = approval.address
       and r.attempt = an_attempt;
    if exists (select from actum.approvals a where a.id = earlier.approval_id and a.used_at is not null) then
        return 'spent';
    end if;
    update actum.reservations r set state = 'released'
     where r.limit_id = given.id and r.workflow_id = approval.workflow_id and r.address = approval.address
       and r.attempt = an_attempt;
    word := actum.reserve(given.id, approval.workflow_id, approval.address, an_attempt, approval.id, some_amounts,
                          given.max_uses, given.max_sums, instant);
    if word <> 'reserved' then
        update actum.reservations r set state = earlier.state
         where r.limit_id = given.id and r.workflow_id = approval.workflow_id and r.address = approval.address
           and r.attempt = an_attempt;
        return word;
    end if;
    update actum.approvals a set closed = 'stale', closed_at = instant
     where a.id = earlier.approval_id and a.workflow_id = approval.workflow_id and a.state = 'approved';
    return word;
end
$$;

-- Approves an open approval by a grant, as a decision of the one who gave it, and takes one of its uses:
-- granted | repeated | spent | ended | not_found | not_pending | expired | self_approval | not_covered | frozen (a freeze has
-- a person decide each).
-- Kind, contract and team are compared here; the facts of the matcher are the engine's to compare.
create function actum.use_grant(
    a_grant uuid, an_approval uuid, an_attempt integer, some_amounts jsonb, a_now timestamptz
) returns table (answer text, state text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    approval actum.approvals%rowtype := actum.lock_approval(an_approval);
    given actum.grants%rowtype;
    instant timestamptz;
    entry actum.decisions%rowtype;
    word text;
begin
    select * into given from actum.grants g where g.id = a_grant for update;
    instant := actum.instant_of(a_now);
    word := case
                when approval.id is null or given.id is null then 'not_found'
                when approval.state <> 'pending' then
                    case when exists (
                             select from actum.reservations r
                              where r.limit_id = a_grant and r.approval_id = an_approval and r.state <> 'released'
                         ) then 'repeated' else 'not_pending' end
                when actum.is_expired(approval, instant) then 'expired'
                when given.revoked_at is not null or given.until <= instant then 'ended'
                when actum.is_same(given.given_by, approval.requester) or actum.is_one_of(given.given_by, approval.authors)
                    then 'self_approval'
                when coalesce(given.matcher ->> 'kind', approval.kind) <> approval.kind
                     or coalesce(given.matcher ->> 'contract', approval.contract) <> approval.contract
                     or given.matcher ? 'team' and given.matcher ->> 'team' is distinct from approval.team
                     or not actum.is_enough(approval, given.given_by, instant)
                     or exists (
                            select from actum.votes v
                             where v.approval_id = an_approval
                               and v.round = approval.round
                               and lower(actum.identity(given.given_by)) in (v.voter, v.counts_for)
                        ) then 'not_covered'
                when exists (
                         select from actum.freezes f
                          where f.ended_at is null
                            and f.mode = 'force_tier_2'
                            and (f.scope = 'everything' or f.scope = 'kind' and f.subject = approval.kind
                                 or f.scope = 'contract' and f.subject = approval.contract
                                 or f.scope = 'environment' and coalesce(f.subject = approval.placement ->> 'environment', true))
                     ) then 'frozen'
                else actum.reserve(a_grant, approval.workflow_id, approval.address, an_attempt, an_approval, some_amounts,
                                   given.max_uses, given.max_sums, instant)
            end;
    if word = 'repeated' and approval.state = 'pending' then
        word := actum.rebind_reservation(given, approval, an_attempt, some_amounts, instant);
    end if;
    if word = 'reserved' then
        word := 'granted';
        insert into actum.votes (approval_id, voter, counts_for, ruling, satisfies, voted_at, round)
        values (approval.id, lower(actum.identity(given.given_by)), lower(actum.identity(given.given_by)), 'approved',
                actum.satisfied_by(approval, given.given_by, instant), instant, approval.round);
        entry := actum.entry_about(approval, 'approved', given.given_by, given.reason, instant);
        entry.rule := 'grant:' || given.id;
        perform actum.log_decision(entry);
        approval := actum.rule_approval(approval, 'approved', given.given_by, given.reason, null, instant, true);
        perform actum.settle_prompt(approval, 0, instant);
    end if;
    return query select word, approval.state;
end
$$;

-- Amounts by unit, added up; decimal numbers as text or as numbers.
create function actum.sum_amounts(one jsonb, other jsonb) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_object_agg(s.key, s.total), '{}')
      from (
               select e.key, sum(e.value::numeric) as total
                 from (select * from jsonb_each_text(one) union all select * from jsonb_each_text(other)) e
                group by e.key
           ) s
$$;

-- Takes what an attempt will use from every budget it is under, or from none: reserved | repeated (it has its uses) | spent,
-- then with the first unit that is used up, what was used and the limit. Without an amount of a unit an attempt is let in
-- until its limit is reached. Exact, because whoever takes from one budget waits for the others. Who is not let in is noted
-- with the budget, unless they have another way.
create function actum.reserve_budgets(
    a_workflow uuid, an_address text, an_attempt integer, an_epoch integer, an_effect boolean, some_budgets jsonb,
    some_amounts jsonb, is_forced boolean, a_now timestamptz, has_other_way boolean default false
) returns table (answer text, ordinal integer, unit text, used numeric, granted numeric)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    today date := (actum.instant_of(a_now) at time zone 'UTC')::date;
    spent record;
    ids uuid[] := array(
        select md5(concat_ws('|', b.value ->> 'scope', case when b.value ->> 'per' = 'day' then today::text else '' end,
                             b.value ->> 'subject'))::uuid
          from jsonb_array_elements(some_budgets) with ordinality b
         order by b.ordinality);
begin
    insert into actum.budgets (id, scope, subject, day)
    select distinct on (i.id) i.id, i.value ->> 'scope', i.value ->> 'subject', case when i.value ->> 'per' = 'day' then today end
      from (select ids[b.ordinality] as id, b.value from jsonb_array_elements(some_budgets) with ordinality b) i
     order by i.id
        on conflict do nothing;
    perform from actum.budgets b where b.id = any(ids) order by b.id for update;
    if exists (
           select from actum.budget_uses u
            where u.workflow_id = a_workflow and u.address = an_address and u.attempt = an_attempt and u.epoch = an_epoch
              and u.state <> 'released'
       ) then
        return query select 'repeated', null::integer, null::text, null::numeric, null::numeric;
        return;
    end if;
    if not is_forced then
        select 'spent' as answer, l.ordinal, l.unit, l.used, l.granted into spent
          from (
                   select i.ordinality::integer as ordinal, m.key as unit, m.value::numeric as granted,
                          coalesce((b.used ->> m.key)::numeric, 0) as used,
                          coalesce((some_amounts ->> m.key)::numeric, 0) as asked
                     from jsonb_array_elements(some_budgets) with ordinality i
                     join actum.budgets b on b.id = ids[i.ordinality],
                          jsonb_each_text(i.value -> 'limits') m
               ) l
         where l.used + l.asked > l.granted
            or l.asked = 0 and l.used > 0 and l.used >= l.granted
         order by l.ordinal, l.unit
         limit 1;
        if found then
            update actum.budgets b
               set refused_at = actum.instant_of(a_now), refused_by = a_workflow, refused_unit = spent.unit,
                   refused_limit = spent.granted
             where b.id = ids[spent.ordinal]
               and not has_other_way
               and (b.refused_at is null or b.refused_unit <> spent.unit
                    or b.refused_at < actum.instant_of(a_now) - interval '10 seconds');
            return query select spent.answer, spent.ordinal, spent.unit, spent.used, spent.granted;
            return;
        end if;
    end if;
    update actum.budgets b set used = actum.sum_amounts(b.used, some_amounts) where b.id = any(ids);
    insert into actum.budget_uses (workflow_id, address, attempt, epoch, budget_id, is_effect, amounts, taken_at)
    select a_workflow, an_address, an_attempt, an_epoch, i.id, an_effect, some_amounts, actum.instant_of(a_now)
      from (select distinct unnest(ids) as id) i
        on conflict (workflow_id, address, attempt, epoch, budget_id) do update
       set state = 'reserved', amounts = excluded.amounts, taken_at = excluded.taken_at, ended_at = null;
    return query select 'reserved', null::integer, null::text, null::numeric, null::numeric;
end
$$;

-- Ends the uses of one attempt: `charged` with what it used in place of what it reserved (without amounts, with that), or
-- `released` because it never began. Twice changes nothing. Returns how many uses ended.
create function actum.settle_budgets(
    a_workflow uuid, an_address text, an_attempt integer, an_epoch integer, a_state text, some_amounts jsonb, a_now timestamptz
) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    ended integer;
begin
    perform from actum.budgets b
      where b.id = any(array(
                select u.budget_id from actum.budget_uses u
                 where u.workflow_id = a_workflow and u.address = an_address and u.attempt = an_attempt
                   and u.epoch = an_epoch and u.state = 'reserved'))
      order by b.id
        for update;
    with reserved as (
        select u.budget_id, u.amounts,
               case when a_state = 'released' then '{}'::jsonb else coalesce(some_amounts, u.amounts) end as taken
          from actum.budget_uses u
         where u.workflow_id = a_workflow and u.address = an_address and u.attempt = an_attempt and u.epoch = an_epoch
           and u.state = 'reserved'
    ),
    counted as (
        update actum.budgets b
           set used = actum.sum_amounts(
                   actum.sum_amounts(b.used, r.taken),
                   (select coalesce(jsonb_object_agg(e.key, -e.value::numeric), '{}') from jsonb_each_text(r.amounts) e))
          from reserved r
         where b.id = r.budget_id
    )
    update actum.budget_uses u
       set state = a_state, amounts = case when a_state = 'released' then u.amounts else r.taken end,
           ended_at = actum.instant_of(a_now)
      from reserved r
     where u.workflow_id = a_workflow and u.address = an_address and u.attempt = an_attempt and u.epoch = an_epoch
       and u.budget_id = r.budget_id;
    get diagnostics ended = row_count;
    return ended;
end
$$;

-- Takes one prompt for asking people something under `a_name`: an approval's id, or `request/` or `question/` and an address.
-- Answers as `reserve_budgets`. Where none is left, it is let in without one if there is an open batch to join or a grant
-- with uses left: that asks nobody anew. `settle_prompt` then says what it came to.
create function actum.reserve_prompt(
    a_workflow uuid, a_name text, an_epoch integer, some_budgets jsonb, a_rule text, a_key text, a_policy bytea,
    some_grants uuid[], a_now timestamptz
) returns table (answer text, ordinal integer, unit text, used numeric, granted numeric)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_one record;
    instant timestamptz := actum.instant_of(a_now);
    asks_nobody_anew boolean := exists (
            select from actum.batches b
             where b.rule = a_rule and b.key = a_key and b.state = 'open' and b.closed_at is null
               and b.closes_at > instant and b.policy_hash is not distinct from a_policy
        )
        or exists (
            select from actum.grants g
             where g.id = any(some_grants) and g.revoked_at is null and g.until > instant
               and g.max_uses > (select count(*) from actum.reservations r where r.limit_id = g.id and r.state <> 'released')
        );
begin
    select * into found_one
      from actum.reserve_budgets(a_workflow, 'prompt/' || a_name, 0, an_epoch, false, some_budgets, '{"prompts": 1}', false, a_now,
                                 asks_nobody_anew);
    if found_one.answer = 'spent' and asks_nobody_anew then
        select * into found_one
          from actum.reserve_budgets(a_workflow, 'prompt/' || a_name, 0, an_epoch, false, some_budgets, '{"prompts": 0}', true, a_now);
    end if;
    return query select found_one.answer, found_one.ordinal, found_one.unit, found_one.used, found_one.granted;
end
$$;

-- Charges what asking for an approval came to: one prompt for what stands alone or opens a batch, none for what joins one
-- or is granted. The calls of one request that share a card share its prompt.
create function actum.settle_prompt(approval actum.approvals, prompts integer, a_now timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select actum.settle_budgets(
               u.workflow_id, u.address, u.attempt, u.epoch, 'charged',
               case when u.address = 'prompt/' || approval.id then jsonb_build_object('prompts', prompts) end, a_now)
      from (
               select distinct b.workflow_id, b.address, b.attempt, b.epoch
                 from actum.budget_uses b
                where b.workflow_id = approval.workflow_id
                  and (b.address = 'prompt/' || approval.id or prompts > 0 and b.address = 'prompt/request/' || approval.asked_by)
                  and b.state = 'reserved'
           ) u
$$;

-- Whether people were asked under the name of a prompt: the row that asks is there.
create function actum.was_asked(a_workflow uuid, a_name text) returns boolean
language sql stable as $$
    select exists (
               select from actum.approvals a
                where a.workflow_id = a_workflow and a_name in (a.id::text, 'request/' || a.asked_by)
           )
        or exists (
               select from actum.questions q where q.workflow_id = a_workflow and a_name = 'question/' || q.address
           )
$$;

-- Ends what earlier holders of a workflow left reserved: released where an effect has no durable intent and so never
-- began, or where nobody was asked after all, charged as reserved everywhere else, since a step may have begun. What an
-- approval costs that is not placed yet is left to whoever places it. Returns how many uses ended.
create function actum.settle_left_budgets(a_workflow uuid, an_epoch integer, a_now timestamptz) returns integer
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(sum(actum.settle_budgets(l.workflow_id, l.address, l.attempt, l.epoch, l.state, null, a_now)), 0)::integer
      from (
               select distinct u.workflow_id, u.address, u.attempt, u.epoch,
                      case
                          when u.address like 'prompt/%' and not actum.was_asked(u.workflow_id, substr(u.address, 8)) then 'released'
                          when u.is_effect
                               and not exists (
                                       select from actum.events e
                                        where e.workflow_id = u.workflow_id and e.kind = 'effect.started'
                                          and e.address = u.address and e.attempt = u.attempt
                                   ) then 'released'
                          else 'charged'
                      end as state
                 from actum.budget_uses u
                where u.workflow_id = a_workflow and u.epoch < an_epoch and u.state = 'reserved'
                  and not exists (
                          select from actum.approvals a
                           where a.workflow_id = a_workflow and u.address = 'prompt/' || a.id and a.placement is not null
                             and a.ruling is null and a.closed is null
                      )
           ) l
$$;

-- Whether a workflow may still come back to what is kept for it: it has not ended, or did so after an instant.
create function actum.is_needed(a_workflow uuid, before timestamptz) returns boolean
language sql stable as $$
    select exists (
               select from actum.workflows w
                where w.id = a_workflow and (w.finished_at is null or w.finished_at >= before)
           )
$$;

-- Deletes some of what is kept of budgets: uses, and what each workflow used, once the workflow has ended so long ago; days
-- that are so long ago. Nothing goes before thirty days. Returns how many rows.
create function actum.prune_budgets(a_kept interval, a_count integer, a_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    before timestamptz := actum.instant_of(a_now) - greatest(a_kept, interval '30 days');
    uses integer;
    sums integer;
begin
    delete from actum.budget_uses u
     where u.ctid = any(array(
               select c.ctid
                 from actum.budget_uses c
                where c.workflow_id < actum.week_bound(before) and c.taken_at < before
                  and not actum.is_needed(c.workflow_id, before)
                limit a_count));
    get diagnostics uses = row_count;
    delete from actum.budgets b
     where b.ctid = any(array(
               select c.ctid
                 from actum.budgets c
                where c.day < before::date
                   or c.scope = 'workflow' and c.subject::uuid < actum.week_bound(before)
                      and not actum.is_needed(c.subject::uuid, before)
                limit a_count));
    get diagnostics sums = row_count;
    return uses + sums;
end
$$;

-- Deletes some of the incidents that were resolved so long ago, and not before thirty days. A broken log that is known stays
-- known, or it would be found anew. Returns how many rows.
create function actum.prune_incidents(a_kept interval, a_count integer, a_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    pruned integer;
begin
    delete from actum.incidents i
     where i.id = any(array(
               select c.id
                 from actum.incidents c
                where c.resolved_at < actum.instant_of(a_now) - greatest(a_kept, interval '30 days')
                  and c.rule <> 'chain_broken'
                limit a_count));
    get diagnostics pruned = row_count;
    return pruned;
end
$$;

-- Whether an account, or somebody on a database without accounts, may activate policies; `db:…` has the database's rights,
-- which somebody has to have who says so: a console may not.
create function actum.may_activate(an_actor text) returns boolean
language sql stable as $$
    select an_actor like 'db:%' and pg_has_role(session_user, current_user, 'usage')
        or not exists (select from actum.accounts)
        or exists (
               select from actum.accounts a
                where lower(a.identity) = lower(actum.identity(an_actor))
                  and a.disabled_at is null
                  and a.roles && array['policy_owner', 'admin']
           )
$$;

-- Whether somebody's agreement to an activation counts towards one of its requirements.
create function actum.counts_towards(requirement jsonb, a_person text, a_requester text) returns boolean
language sql stable as $$
    select (a_person like 'db:%' or actum.may_activate(a_person))  -- which `db:…` may is asked when they agree
       and actum.may_decide(
               a_person, a_requester, null,
               array(select jsonb_array_elements_text(coalesce(requirement -> 'by', '[]'))),
               array(select jsonb_array_elements_text(coalesce(requirement -> 'never', '[]'))
                     except values ('requester'), ('contract_author')),
               actum.groups_of(a_person),
               case when exists (select from actum.accounts) then 'active' else 'open' end) is not null
$$;

-- One entry of a policy's history.
create function actum.history_of(act text, an_actor text, a_reason text, instant timestamptz) returns jsonb
language sql stable as $$
    select jsonb_build_array(jsonb_build_object(
               'act', act, 'by', an_actor, 'reason', a_reason, 'at', extract(epoch from instant)))
$$;

-- Activates a policy, or requests it, or agrees to the request: whichever is next by what it and the active one require.
create function actum.activate_policy(a_hash bytea, an_actor text, a_reason text, a_now timestamptz) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    instant timestamptz;
    policy actum.policies%rowtype;
    needed jsonb;
begin
    perform pg_advisory_xact_lock(hashtext('actum.policies'), 0);
    instant := actum.instant_of(a_now);
    select * into policy from actum.policies p where p.hash = a_hash;
    if policy.hash is null then
        return 'unknown';
    elsif policy.activated_at is not null and policy.retired_at is null then
        return 'already';
    elsif not actum.may_activate(an_actor) then
        return 'not_entitled';
    end if;
    select policy.activation || coalesce((
               select p.activation from actum.policies p where p.activated_at is not null and p.retired_at is null
           ), '[]') into needed;
    if needed <> '[]' then
        if policy.requested_at is null or policy.requested_at <= instant - (
               select min((r.value ->> 'expires')::double precision) * interval '1 second'
                 from jsonb_array_elements(needed) r
           ) then
            update actum.policies p
               set requested_at = instant, requested_by = an_actor, request_reason = a_reason, agreements = '[]',
                   history = p.history || actum.history_of('requested', an_actor, a_reason, instant)
             where p.hash = a_hash;
            return 'requested';
        elsif actum.is_same(an_actor, policy.requested_by) then
            return 'self';
        elsif exists (
               select from jsonb_array_elements(policy.agreements) a where actum.is_same(a.value ->> 'by', an_actor)
           ) then
            return 'repeated';
        elsif not exists (
               select from jsonb_array_elements(needed) r
                where actum.counts_towards(r.value, an_actor, policy.requested_by)
           ) then
            return 'not_named';
        end if;
        update actum.policies p
           set agreements = p.agreements || actum.history_of('agreed', an_actor, a_reason, instant),
               history = p.history || actum.history_of('agreed', an_actor, a_reason, instant)
         where p.hash = a_hash
        returning p.* into policy;
        if exists (
               select from jsonb_array_elements(needed) r
                where coalesce((r.value ->> 'quorum')::integer, 1) > (
                          select count(*)
                            from jsonb_array_elements(policy.agreements) a
                           where actum.counts_towards(r.value, a.value ->> 'by', policy.requested_by)
                      )
           ) then
            return 'agreed';
        end if;
    end if;
    update actum.policies p
       set retired_at = instant,
           history = p.history || actum.history_of('retired', an_actor, a_reason, instant)
     where p.activated_at is not null
       and p.retired_at is null;
    update actum.policies p
       set requested_at = null, requested_by = null, request_reason = null, agreements = '[]'
     where p.requested_at is not null
       and p.hash <> a_hash;
    update actum.policies p
       set activated_at = instant, activated_by = an_actor, retired_at = null,
           shadow_since = null, shadow_by = null,
           history = p.history || actum.history_of('activated', an_actor, a_reason, instant)
     where p.hash = a_hash;
    return 'activated';
end
$$;

-- Has a policy tried in the shadow of the active one, instead of any other; null ends it.
create function actum.shadow_policy(a_hash bytea, an_actor text, a_now timestamptz) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    answer text;
begin
    perform pg_advisory_xact_lock(hashtext('actum.policies'), 0);
    if not actum.may_activate(an_actor) then
        return 'not_entitled';
    end if;
    select case
               when a_hash is null then 'off'
               when p.hash is null then 'unknown'
               when p.activated_at is not null and p.retired_at is null then 'active'
               when p.shadow_since is not null then 'already'
               else 'shadowed'
           end
      into answer
      from (select) one
      left join actum.policies p on p.hash = a_hash;
    if answer in ('off', 'shadowed') then
        update actum.policies p set shadow_since = null, shadow_by = null where p.shadow_since is not null;
        update actum.policies p
           set shadow_since = actum.instant_of(a_now), shadow_by = an_actor
         where p.hash = a_hash;
    end if;
    return answer;
end
$$;

-- Quality. A fact is what one event (or verdict) adds to a measure; it follows from that event and those before it in its
-- workflow, so it never changes, and whoever adds facts up, by a query or by the hour, comes to the same number.

-- Whether an actor is somebody outside: no worker, no workflow that acts on another, and not an effect's own probe.
create function actum.is_person(an_actor text) returns boolean
language sql immutable parallel safe as $$
    select an_actor not like 'worker:%' and an_actor not like 'workflow:%' and an_actor <> 'probe'
$$;

-- Microseconds of machine time between two events of a workflow: without the time in which it was paused or blocked, an
-- approval of that address was open, or a doubt stood there that a person settled; without an address, at any undo.
-- (A function that returns rows is planned into the query that calls it; one that returns a value is started for each row.)
create function actum.machine_time(a_workflow uuid, an_address text, first integer, last integer) returns table (us bigint)
language sql stable parallel safe as $$
    select case
               when not o.may_have_waited then (extract(epoch from o.ended_at - o.began_at) * 1000000)::bigint
               else (
                   select coalesce(sum(t.us) filter (where t.seq >= first and not (t.is_stopped or t.is_asked or t.is_doubted)), 0)::bigint
                     from (
                              select e.seq,
                                     (extract(epoch from lead(e.at) over later - e.at) * 1000000)::bigint as us,
                                     coalesce(max(e.seq) filter (where e.kind = 'workflow.paused') over so_far, 0)
                                     > coalesce(max(e.seq) filter (where e.kind in ('workflow.resumed', 'workflow.blocked',
                                                'workflow.cancel_requested', 'workflow.rolling_back')) over so_far, 0)
                                     or coalesce(max(e.seq) filter (where e.kind = 'workflow.blocked') over so_far, 0)
                                        > coalesce(max(e.seq) filter (where e.kind in ('workflow.unblocked', 'step.reopened',
                                                   'workflow.rolling_back')) over so_far, 0) as is_stopped,
                                     coalesce(max(e.seq) filter (where e.kind = 'approval.requested' and t.is_here) over so_far, 0)
                                     > coalesce(max(e.seq) filter (where e.kind in ('approval.decided', 'approval.expired',
                                                'approval.withdrawn') and t.is_here) over so_far, 0) as is_asked,
                                     coalesce(max(e.seq) filter (where e.kind = 'effect.doubted' and t.is_here) over so_far, 0)
                                     > coalesce(max(e.seq) filter (where e.kind in ('effect.started', 'effect.settled')
                                                and t.is_here) over so_far, 0)
                                     and coalesce(min(e.seq) filter (where e.kind = 'effect.settled' and t.is_here
                                                  and actum.is_person(e.actor)) over from_now, 2147483647)
                                         < coalesce(min(e.seq) filter (where (e.kind = 'effect.started' or e.kind = 'effect.settled'
                                                    and not actum.is_person(e.actor)) and t.is_here) over from_now, 2147483647)
                                         as is_doubted
                                from actum.events e,
                                     lateral (
                                         select e.address = an_address or an_address is null and e.address like 'undo.%' as is_here
                                     ) t
                               where e.workflow_id = a_workflow
                                 and e.seq <= last
                              window later as (order by e.seq),
                                     so_far as (order by e.seq rows unbounded preceding),
                                     from_now as (order by e.seq rows between current row and unbounded following)
                          ) t
               )
           end
      from (
               select min(e.at) filter (where e.seq = first) as began_at,
                      max(e.at) filter (where e.seq = last) as ended_at,
                      bool_or(e.kind in ('workflow.paused', 'workflow.blocked', 'approval.requested', 'effect.doubted'))
                          as may_have_waited
                 from actum.events e
                where e.workflow_id = a_workflow
                  and e.seq <= last
           ) o
$$;

-- Microseconds from the first event of a workflow to another: those in which a person was to act, because it was paused or
-- blocked, an approval or a question was open, or a doubt stood that a person settled; and all others.
create function actum.workflow_times(a_workflow uuid, last integer) returns table (machine bigint, human bigint)
language sql stable parallel safe as $$
    select (extract(epoch from o.ended_at - o.began_at) * 1000000)::bigint - p.human, p.human
      from (
               select min(e.at) as began_at,
                      max(e.at) as ended_at,
                      bool_or(e.kind in ('workflow.paused', 'workflow.blocked', 'approval.requested', 'question.asked',
                                         'effect.doubted')) as may_have_waited
                 from actum.events e
                where e.workflow_id = a_workflow
                  and e.seq <= last
           ) o
     cross join lateral (
               select coalesce(sum((extract(epoch from upper(s.stretch) - lower(s.stretch)) * 1000000)::bigint), 0)::bigint as human
                 from (
                          select range_agg(tstzrange(b.at, greatest(b.at, coalesce(n.at, o.ended_at)))) as stretches
                            from actum.events b
                            left join lateral (
                                     select c.at, c.kind, c.actor
                                       from actum.events c
                                      where c.workflow_id = a_workflow
                                        and c.seq > b.seq
                                        and c.seq <= last
                                        and case b.kind
                                                when 'workflow.paused' then c.kind in ('workflow.resumed', 'workflow.blocked',
                                                     'workflow.cancel_requested', 'workflow.rolling_back')
                                                when 'workflow.blocked' then c.kind in ('workflow.unblocked', 'step.reopened',
                                                     'workflow.rolling_back')
                                                when 'approval.requested' then c.address = b.address and c.kind in
                                                     ('approval.decided', 'approval.expired', 'approval.withdrawn',
                                                      'step.failed', 'step.abandoned')
                                                when 'question.asked' then c.address = b.address and c.kind in
                                                     ('question.answered', 'question.withdrawn')
                                                else c.address = b.address and c.kind in ('effect.started', 'effect.settled')
                                            end
                                      order by c.seq
                                      limit 1
                                 ) n on true
                           where o.may_have_waited
                             and b.workflow_id = a_workflow
                             and b.seq < last
                             and b.kind in ('workflow.paused', 'workflow.blocked', 'approval.requested', 'question.asked',
                                            'effect.doubted')
                             and (b.kind <> 'effect.doubted' or n.kind = 'effect.settled' and actum.is_person(n.actor))
                      ) h,
                      unnest(h.stretches) s(stretch)
           ) p
$$;

-- What went wrong at an address before an event that ends it: since its last end, or since a person reopened it.
create function actum.episode(a_workflow uuid, an_address text, before integer) returns table (
    failures bigint, starts bigint, retries bigint, first_seq integer, first_reason text,
    timeouts bigint, timeout_seq integer, timeout_reason text
)
language sql stable parallel safe as $$
    select count(*) filter (where e.kind <> 'effect.started'),
           count(*) filter (where e.kind = 'effect.started'),
           count(*) filter (where e.kind = 'attempt.failed'),
           min(e.seq) filter (where e.kind <> 'effect.started'),
           (array_agg(e.reason order by e.seq) filter (where e.kind <> 'effect.started'))[1],
           count(*) filter (where e.reason like 'timeout.%'),
           min(e.seq) filter (where e.reason like 'timeout.%'),
           (array_agg(e.reason order by e.seq) filter (where e.reason like 'timeout.%'))[1]
      from actum.events e
     where e.workflow_id = a_workflow
       and e.address = an_address
       and e.seq < before
       and e.kind in ('attempt.failed', 'effect.doubted', 'effect.started')
       and e.seq > coalesce(
               (
                   select max(p.seq)
                     from actum.events p
                    where p.workflow_id = a_workflow
                      and p.address = an_address
                      and p.seq < before
                      and (p.kind in ('step.completed', 'step.failed', 'step.abandoned', 'step.reopened', 'effect.succeeded',
                                      'effect.failed', 'effect.shared')
                           or p.kind = 'effect.settled' and p.outcome <> 'did_not_happen')
               ), 0)
$$;

-- Ends of addresses at which something may have gone wrong before, with how they ended.
create view actum.closings as
select e.*,
       case when e.kind = 'effect.shared' or e.kind = 'effect.settled' and e.outcome <> 'abandoned' then 'recovered'
            when e.kind = 'step.abandoned' then 'abandoned' else 'exhausted' end as ending
  from actum.events e
 where e.kind in ('step.failed', 'effect.failed', 'step.abandoned', 'effect.settled', 'effect.shared')
   and (e.kind <> 'effect.settled' or e.outcome <> 'did_not_happen')
 union all
select e.*, 'recovered'
  from actum.events e
 where e.kind in ('step.completed', 'effect.succeeded')
   and e.attempt > 1;

-- Whether a workflow is in a sample: the same answer at every look, and a smaller share is a part of a larger one.
create function actum.is_sampled(a_workflow uuid, a_share float8) returns boolean
language sql immutable strict parallel safe as $$
    select ('x' || encode(substr(sha256(uuid_send(a_workflow)), 1, 4), 'hex'))::bit(32)::bigint < a_share * 4294967296
$$;

-- The outputs on which a contract wants a word, by the document that their workflows were started under; `word` is null
-- where no person and no later work has spoken. Whoever reads it names contracts or a bound for ids, or reads everything.
create view actum.sampled_outputs as
select w.id as workflow_id, c.contract, w.team, w.finished_at, w.finished_at + s.within as due_at, v.verdict as word
  from actum.contracts c
 cross join lateral (
           select (c.document::jsonb #>> '{verdicts,share}')::float8 as share,
                  make_interval(secs => (c.document::jsonb #>> '{verdicts,within}')::float8) as within
            where c.document like '%"verdicts":{%'
       ) s
  join actum.workflows w on w.contract = c.contract and w.document_hash = c.document_hash
  left join lateral (
           select p.verdict
             from actum.verdicts p
            where p.workflow_id = w.id
              and p.by <> 'judge'
            order by p.number desc
            limit 1
       ) v on true
 where s.share is not null
   and w.status = 'completed'
   and actum.is_sampled(w.id, s.share);

-- What each verdict changed: the word that counted before it, and the one that counts since.
create view actum.verdict_changes as
select e.workflow_id, e.seq, e.at, v.xid, e.contract, e.team, c.verdict, c.by, c.sign, c.given_at,
       case when c.verdict = 'unusable' then c.sign * (
           select (extract(epoch from min(u.given_at) - e.at) * 1000000)::bigint
             from actum.verdicts u
            where u.workflow_id = v.workflow_id
              and u.number <= c.number
              and u.verdict = 'unusable'
       ) else 0 end as us
  from actum.verdicts v
  join actum.events e on e.workflow_id = v.workflow_id and e.kind = 'workflow.completed'
  left join lateral (
           select p.*
             from actum.verdicts p
            where p.workflow_id = v.workflow_id
              and p.number < v.number
            order by p.by <> 'judge' desc, p.number desc
            limit 1
       ) held on true
 cross join lateral (
           values (v.verdict, v.by, 1, v.number, v.given_at), (held.verdict, held.by, -1, held.number, held.given_at)
       ) c(verdict, by, sign, number, given_at)
 where c.verdict is not null
   and (held.by is null or held.by = 'judge' or v.by <> 'judge');

-- Every measure, once. `part` is constant in each part, as `measure` is where the part is `one`: a query for one measure is
-- not planned over the others. `number` is that of the transaction, as `events_blocks` finds what plain steps add.
-- `offset 0` keeps a look at other events from being planned as a join: for that a plan that was made while a week was
-- empty read the whole week in order of its primary key, until the server's next analysis.
create view actum.facts as
-- An attempt, or a whole workflow, was not done in time.
select 'timeouts' as measure, e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null::text as outcome, e.reason,
       e.tier, 1::bigint as count, 0::bigint as us, null::text as kind,
       null::text as model, 0::numeric as money, e.xid::text::bigint as number, 'one' as part
  from actum.events e
 where e.kind in ('attempt.failed', 'step.failed', 'effect.failed', 'effect.doubted', 'workflow.cancel_requested')
   and e.reason like 'timeout.%'
   and (e.attempt is not null or e.kind = 'workflow.cancel_requested')
 union all
-- A workflow whose own time was over lost it.
select 'timeouts_ended', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, 'lost', e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind = 'workflow.cancel_requested'
   and e.reason like 'timeout.%'
 union all
-- What became of a step at which something had gone wrong: its time-outs, the time to recover from them, its retries and
-- how many attempts they were. A failure without a number is no attempt, but what was made of those before it.
select f.measure, c.workflow_id, c.seq, c.at, c.xid, c.contract, c.team, c.step, f.outcome, f.reason, c.tier, f.count,
       coalesce(m.us, 0), null, null, 0, c.xid::text::bigint, 'end'
  from actum.closings c
 cross join lateral actum.episode(c.workflow_id, c.address, c.seq) p
 cross join lateral (
           select case when c.kind in ('step.failed', 'effect.failed') and c.attempt is not null and c.reason like 'timeout.%'
                       then 1 else 0 end as timeouts,
                  case when c.kind in ('effect.settled', 'effect.shared', 'step.abandoned') or c.attempt is null
                       then 0 else 1 end as attempts
       ) own
 cross join lateral (
           values
           ('timeouts_ended', case when c.ending = 'recovered' then 'recovered' else 'lost' end,
            coalesce(p.timeout_reason, c.reason), p.timeouts + own.timeouts, null, p.timeouts + own.timeouts > 0),
           ('recoveries', 'recovered', p.timeout_reason, 1, p.timeout_seq, c.ending = 'recovered' and p.timeouts > 0),
           ('retries', c.ending, p.first_reason, 1, p.first_seq, p.retries > 0 or p.starts > 1 and p.failures > 0),
           ('retry_attempts', c.ending, p.first_reason, p.failures + own.attempts, null,
            p.retries > 0 or p.starts > 1 and p.failures > 0)
       ) f(measure, outcome, reason, count, first, is_so)
 cross join lateral actum.machine_time(case when f.first is not null then c.workflow_id end, c.address, f.first, c.seq) m
 where f.is_so
   and p.failures + own.timeouts > 0
 union all
-- A try did not succeed, or nobody knows.
select 'failures', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind in ('attempt.failed', 'step.failed', 'effect.failed', 'effect.doubted')
   and e.attempt is not null
 union all
-- A workflow was taken from a dead worker; the time is since its last record.
select 'rescues', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, e.reason, e.tier, 1,
       (extract(epoch from e.at - p.at) * 1000000)::bigint, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 cross join lateral (
           select b.at
             from actum.events b
            where b.workflow_id = e.workflow_id
              and b.seq = e.seq - 1
           offset 0
       ) p
 where e.kind = 'workflow.rescued'
 union all
-- A workflow could not go on by itself.
select 'blocks', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind = 'workflow.blocked'
 union all
-- A rollback began.
select 'rollbacks', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind = 'workflow.rolling_back'
   and not exists (
           select from actum.events p
            where p.workflow_id = e.workflow_id and p.seq < e.seq and p.kind = 'workflow.rolling_back'
           offset 0
       )
 union all
-- A rollback ended, with nothing left standing or with something.
select 'rollbacks_ended', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step,
       coalesce(e.data::json ->> 'outcome', 'partial'), e.reason, e.tier, 1, m.us, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 cross join lateral (
           select min(b.seq) as seq
             from actum.events b
            where b.workflow_id = e.workflow_id
              and b.kind = 'workflow.rolling_back'
       ) p
 cross join lateral actum.machine_time(e.workflow_id, null, p.seq, e.seq) m
 where e.kind = 'workflow.rolled_back'
 union all
-- An undo certainly did not happen, and is not tried again.
select 'undo_failures', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind = 'effect.failed'
   and e.address like 'undo.%'
 union all
-- A workflow ended.
select 'endings', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, substr(e.kind, 10), e.reason, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind in ('workflow.completed', 'workflow.failed', 'workflow.cancelled', 'workflow.rolled_back')
 union all
-- The word on a completed output: the last one, a judge's only where nobody else has spoken; the time is how long a bad
-- output had lived when it was first called so. Promises count it at the time at which it was given, which is no measure.
select w.measure, v.workflow_id, v.seq, w.at, v.xid, v.contract, v.team, null, v.verdict, v.by, null, v.sign, w.us, null, null, 0,
       v.xid::text::bigint, 'word'
  from actum.verdict_changes v
 cross join lateral (
           values ('verdicts', v.at, v.us), ('verdicts_given', v.given_at, 0)
       ) w(measure, at, us)
 union all
-- Judge and person differ about an output.
select 'disagreements', e.workflow_id, e.seq, e.at, v.xid, e.contract, e.team, null, null, null, null,
       case when v.verdict <> other.verdict then 1 else 0 end
       - case when own.verdict <> other.verdict then 1 else 0 end, 0, null, null, 0,
       v.xid::text::bigint, 'one'
  from actum.verdicts v
  join actum.events e on e.workflow_id = v.workflow_id and e.kind = 'workflow.completed'
 cross join lateral (
           select p.verdict
             from actum.verdicts p
            where p.workflow_id = v.workflow_id
              and p.number < v.number
              and p.by = case v.by when 'judge' then 'person' when 'person' then 'judge' end
            order by p.number desc
            limit 1
       ) other
  left join lateral (
           select p.verdict
             from actum.verdicts p
            where p.workflow_id = v.workflow_id
              and p.number < v.number
              and p.by = v.by
            order by p.number desc
            limit 1
       ) own on true
 where (v.verdict <> other.verdict) is distinct from (own.verdict <> other.verdict and own.verdict is not null)
 union all
-- A person was asked for an approval.
select 'approvals_asked', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, null, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind = 'approval.requested'
 union all
-- An approval was decided or expired; the time is human, from asking on. What a grant decided took nobody's time.
select 'approvals_ended', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step,
       case
           when e.kind = 'approval.expired' then 'expired'
           when exists (
                    select from actum.decisions d
                     where d.workflow_id = e.workflow_id
                       and d.approval_id::text = e.data::json ->> 'approval_id'
                       and d.rule like 'grant:%'
                ) then 'granted'
           else e.outcome
       end, null, a.tier, 1, (extract(epoch from e.at - a.at) * 1000000)::bigint, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 cross join lateral (
           select p.at, p.tier
             from actum.events p
            where p.workflow_id = e.workflow_id
              and p.address = e.address
              and p.seq < e.seq
              and p.kind = 'approval.requested'
            order by p.seq desc
            limit 1
       ) a
 where e.kind in ('approval.decided', 'approval.expired')
 union all
-- A person stopped a workflow, asked for its end, opened again what had failed, or settled a doubt.
select 'interventions', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, e.kind, null, e.tier, 1, 0, null, null, 0,
       e.xid::text::bigint, 'one'
  from actum.events e
 where e.kind in ('workflow.paused', 'workflow.cancel_requested', 'step.reopened', 'effect.settled')
   and actum.is_person(e.actor)
 union all
-- A workflow ended: its time without that in which a person was to act, and that time.
select t.measure, e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, null, substr(e.kind, 10), null, null, 1, t.us,
       null, null, 0, e.xid::text::bigint, 'whole'
  from actum.events e
 cross join lateral actum.workflow_times(e.workflow_id, e.seq) w
 cross join lateral (
           values ('machine_times', w.machine), ('human_times', w.human)
       ) t(measure, us)
 where e.kind in ('workflow.completed', 'workflow.failed', 'workflow.cancelled', 'workflow.rolled_back')
 union all
-- An attempt succeeded: how long it took.
select 'step_times', e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, null, null, 1,
       (e.data::json ->> 'us')::bigint, case e.kind when 'step.completed' then 'step' else 'effect' end, null, 0,
       e.xid::text::bigint, 'block'
  from actum.events e
 where e.kind in ('step.completed', 'effect.succeeded')
   and e.data like '{"us":%'
 union all
-- What an attempt used, as it was reported: tokens, calls, money, and calls of which nobody knows what they cost.
select u.measure, e.workflow_id, e.seq, e.at, e.xid, e.contract, e.team, e.step, null, null, null, u.count, 0,
       u.kind, r.model, u.money, e.xid::text::bigint, 'block'
  from actum.events e
 cross join lateral json_to_recordset(e.data::json -> 'usage') r(
           model text, input_tokens bigint, output_tokens bigint, model_calls bigint, tool_calls bigint, unpriced bigint, cost numeric
       )
 cross join lateral (
           values ('tokens', 'input', r.input_tokens, 0::numeric), ('tokens', 'output', r.output_tokens, 0),
                  ('model_calls', null, r.model_calls, 0), ('tool_calls', null, r.tool_calls, 0),
                  ('unpriced_calls', null, r.unpriced, 0), ('costs', null, case when r.cost is not null then 1 end, r.cost)
       ) u(measure, kind, count, money)
 where e.address is not null
   and e.data like '%"usage":[{%'
   and json_typeof(e.data::json -> 'usage') = 'array'
   and u.count > 0;

-- Has `events_blocks` know the newest blocks, which it otherwise takes for matches of everything until the server's own
-- housekeeping comes by, at most once a minute. It never waits for that: an index under its hands, or of another owner, is left to it.
create function actum.summarize_events() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '20ms' as $$
declare
    part regclass;
begin
    for part in
        select i.inhrelid
          from pg_inherits i
         where i.inhparent = 'actum.events_blocks'::regclass
    loop
        begin
            perform brin_summarize_new_values(part);
        exception when lock_not_available or insufficient_privilege then null;
        end;
    end loop;
end
$$;

-- The facts of transactions between two, added up for a refresh: few rows of few workflows whatever the tables hold, so the
-- plan is made once for each connection and goes by indexes alone. The second one holds what is found by blocks, which has
-- neither outcome, reason nor tier.
create function actum.fresh_facts(first xid8, last xid8, spread text[], bounds bigint[]) returns table (
    hour timestamptz, measure text, contract text, team text, step text, outcome text, reason text, tier smallint, kind text,
    model text, bucket smallint, count bigint, us bigint, money numeric, facts bigint, first_at timestamptz, last_at timestamptz
)
language plpgsql stable set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off
set enable_sort = off as $$
#variable_conflict use_column
begin
    return query
    select date_bin('1 hour', f.at, 'epoch'), f.measure, f.contract, coalesce(f.team, ''), coalesce(f.step, ''),
           coalesce(f.outcome, ''), coalesce(f.reason, ''), coalesce(f.tier, -1::smallint), coalesce(f.kind, ''),
           coalesce(f.model, ''),
           case when f.measure = any(spread) then width_bucket(f.us - 1, bounds) else -1 end::smallint,
           sum(f.count)::bigint, sum(f.us)::bigint, sum(f.money), count(*), min(f.at), max(f.at)
      from actum.facts f
     where f.part <> 'block'
       and f.xid >= first
       and f.xid < last
     group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
end
$$;

create function actum.fresh_step_facts(first bigint, last bigint, spread text[], bounds bigint[]) returns table (
    hour timestamptz, measure text, contract text, team text, step text, outcome text, reason text, tier smallint, kind text,
    model text, bucket smallint, count bigint, us bigint, money numeric, facts bigint, first_at timestamptz, last_at timestamptz
)
language plpgsql stable set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0
set enable_seqscan = off set enable_sort = off as $$
#variable_conflict use_column
declare
    past xid8 := last::text::xid8;  -- by blocks only the first is looked up: a transaction's number is slow to come by
begin
    return query
    select date_bin('1 hour', f.at, 'epoch'), f.measure, f.contract, coalesce(f.team, ''), coalesce(f.step, ''), '', '',
           -1::smallint, coalesce(f.kind, ''), coalesce(f.model, ''),
           case when f.measure = any(spread) then width_bucket(f.us - 1, bounds) else -1 end::smallint,
           sum(f.count)::bigint, sum(f.us)::bigint, sum(f.money), count(*), min(f.at), max(f.at)
      from actum.facts f
     where f.part = 'block'
       and f.number >= first
       and f.xid < past
     group by 1, 2, 3, 4, 5, 9, 10, 11;
end
$$;

-- How many events, and how many bad ones, the promises of contracts have had in each of some windows that end now, and when
-- the last bad one was. Whole hours come from the rollup, which holds transactions before `first`; the part of an hour with
-- which a window begins, and what came since, are counted one by one, so each window is exact. (Not from `facts`, but as
-- it counts them: a plan over all measures takes long to make.)
create function actum.count_outcomes(
    contracts text[], targets interval[], windows interval[], instant timestamptz, first xid8, last xid8
) returns table (contract text, objective text, length interval, total bigint, bad bigint, last_bad_at timestamptz)
language plpgsql stable set plan_cache_mode = force_generic_plan set jit = off set max_parallel_workers_per_gather = 0
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off as $$
#variable_conflict use_column
begin
    return query
    with spans as materialized (
        select w.length, instant - w.length as since, date_trunc('hour', instant - w.length, 'UTC') + interval '1 hour' as whole
          from unnest(windows) w(length)
    ),
    found as (
        select o.contract, o.objective, s.length, o.total, o.bad, o.last_bad_at
          from spans s
          join actum.rollup_outcomes o on o.hour >= s.whole
         where o.contract = any(contracts)
         union all
        select e.contract, 'completion', s.length, 1, case when e.kind <> 'workflow.completed' then 1 else 0 end,
               case when e.kind <> 'workflow.completed' then e.at end
          from actum.events e
          join spans s on e.at >= s.whole
         where e.kind in ('workflow.completed', 'workflow.failed', 'workflow.rolled_back')
           and e.xid >= first
           and e.xid < last
           and e.contract = any(contracts)
         union all
        select c.contract, 'usability', s.length, c.sign, case when c.verdict = 'unusable' then c.sign else 0 end,
               case when c.verdict = 'unusable' and c.sign > 0 then c.given_at end
          from actum.verdict_changes c
          join spans s on c.given_at >= s.whole
         where c.xid >= first
           and c.xid < last
           and c.contract = any(contracts)
         union all
        select e.contract, 'completion', s.length, 1, case when e.kind <> 'workflow.completed' then 1 else 0 end,
               case when e.kind <> 'workflow.completed' then e.at end
          from spans s
          join actum.events e on e.at > s.since and e.at < s.whole
         where e.kind in ('workflow.completed', 'workflow.failed', 'workflow.rolled_back')
           and e.contract = any(contracts)
         union all
        select e.contract, 'usability', s.length, 1, case when v.verdict = 'unusable' then 1 else 0 end,
               case when v.verdict = 'unusable' then v.given_at end
          from spans s
          join actum.verdicts v on v.given_at > s.since and v.given_at < s.whole
         cross join lateral (
                   select c.contract
                     from actum.events c
                    where c.workflow_id = v.workflow_id
                      and c.kind = 'workflow.completed'
                    order by c.seq desc
                    limit 1
               ) e
         where e.contract = any(contracts)
           and not exists (
                   select from actum.verdicts p
                    where p.workflow_id = v.workflow_id
                      and (p.by <> 'judge' and v.by = 'judge'
                           or (p.by <> 'judge') = (v.by <> 'judge') and p.number > v.number)
               )
         union all
        select a.contract, 'decision', s.length, 1, case when d.ended_at - a.asked_at > p.target then 1 else 0 end,
               case when d.ended_at - a.asked_at > p.target then d.ended_at end
          from unnest(contracts, targets) p(contract, target)
          join actum.approvals a on a.contract = p.contract
           and coalesce(a.ruled_at, a.closed_at) > (select min(s.since) from spans s)
         cross join lateral (select coalesce(a.ruled_at, a.closed_at) as ended_at) d
          join spans s on d.ended_at > s.since
         where p.target is not null
           and (a.ruling is not null or a.closed = 'expired')
           and not exists (select from actum.decisions g where g.approval_id = a.id and g.rule like 'grant:%')
    )
    select n.contract, n.objective, n.length, sum(n.total)::bigint, sum(n.bad)::bigint, max(n.last_bad_at)
      from found n
     group by n.contract, n.objective, n.length;
end
$$;

-- A restored dump brings the transaction numbers of another server: gives every fact one of this server's, and adds all
-- of them up anew. Run by the owner of the schema, once, while nothing is writing.
create function actum.restart_rollup() returns void
language plpgsql as $$
begin
    alter table actum.verdicts disable trigger append_only;
    update actum.events set xid = pg_current_xact_id();
    update actum.verdicts set xid = pg_current_xact_id();
    alter table actum.verdicts enable trigger append_only;
    delete from actum.rollups;
    delete from actum.rollup_totals;
    delete from actum.rollup_outcomes;
    update actum.rollup_state set watermark = '0', refreshed_at = null;
end
$$;

-- What is logged cannot be rewritten, and what was decided stands, whoever writes.
create function actum.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception '% is append-only: % is refused', tg_table_name, lower(tg_op) using errcode = 'AC002';
end
$$;
create trigger append_only before update or delete or truncate on actum.decisions
    for each statement execute function actum.refuse_change();
create trigger append_only before update or delete or truncate on actum.votes
    for each statement execute function actum.refuse_change();
create trigger append_only before update or delete or truncate on actum.verdicts
    for each statement execute function actum.refuse_change();

create function actum.keep_approval() returns trigger
language plpgsql as $$
begin
    if (old.id, old.workflow_id, old.address, old.kind, old.key, old.action_hash, old.arguments, old.preview,
        old.relies_on, old.contract, old.requester, old.authors, old.asked_at)
       is distinct from (new.id, new.workflow_id, new.address, new.kind, new.key, new.action_hash, new.arguments,
        new.preview, new.relies_on, new.contract, new.requester, new.authors, new.asked_at) then
        raise exception 'approval % is bound to its action: ask anew', old.id using errcode = 'AC002';
    end if;
    if old.ruling is not null
       and (old.ruling, old.ruled_at, old.ruled_by, old.rationale, old.edited, old.approvers, old.requirements, old.tier,
            old.rule, old.round, old.expires_at)
       is distinct from (new.ruling, new.ruled_at, new.ruled_by, new.rationale, new.edited, new.approvers,
            new.requirements, new.tier, new.rule, new.round, new.expires_at)
       or old.closed is not null and (old.closed, old.ruling) is distinct from (new.closed, new.ruling)
       or old.ruling = 'rejected' and new.closed is not null
       or old.used_at is not null and (old.used_at, old.closed) is distinct from (new.used_at, new.closed)
       or old.used_at is null and new.used_at is not null and old.state <> 'approved' then
        raise exception 'approval % is % and stays as it is', old.id, old.state using errcode = 'AC002';
    end if;
    return new;
end
$$;
create trigger append_only before update on actum.approvals
    for each row execute function actum.keep_approval();

-- The use of a grant is given back when its approval is closed before anything was done under it, however that came about.
create function actum.give_back() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update actum.reservations r
       set state = 'released', ended_at = new.closed_at
     where r.approval_id = new.id
       and r.state = 'reserved';
    return null;
end
$$;
create trigger give_back after update on actum.approvals
    for each row when (old.closed is null and new.closed is not null and new.used_at is null)
    execute function actum.give_back();

-- Whoever started the workflow, or the one that it is a child of, is an author of what it asks for: naming another as its
-- requester leaves nobody to approve their own work. A role of the database is no person.
create function actum.count_starter() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    starter text;
begin
    with recursive line(id, parent, depth) as (
        select w.id, w.parent, 0 from actum.workflows w where w.id = new.workflow_id
         union all
        select w.id, w.parent, l.depth + 1 from line l join actum.workflows w on w.id = l.parent
    )
    select e.actor into starter
      from line l
      join actum.events e on e.workflow_id = l.id and e.seq = 1
     order by l.depth desc
     limit 1;
    if split_part(starter, ':', 1) in ('user', 'service')
       and not actum.is_same(starter, new.requester) and not actum.is_one_of(starter, new.authors) then
        new.authors := new.authors || starter;
    end if;
    return new;
end
$$;
create trigger count_starter before insert on actum.approvals
    for each row execute function actum.count_starter();

-- A batch goes from open to shown to decided; its card stays what was read, and it is decided when each of its items is.
create function actum.keep_batch() returns trigger
language plpgsql as $$
begin
    if array_position(array['open', 'shown', 'decided'], new.state) < array_position(array['open', 'shown', 'decided'], old.state)
       or old.closed_at is not null
          and (old.closed_at, old.close_reason) is distinct from (new.closed_at, new.close_reason)
       or old.state <> 'open' and (old.items, old.shown_at) is distinct from (new.items, new.shown_at)
       or old.state = 'decided' and old.decided_at is distinct from new.decided_at then
        raise exception 'batch % is % and stays as it is', old.id, old.state using errcode = 'AC002';
    end if;
    if old.state <> 'decided' and new.state = 'decided' and exists (
           select from actum.approvals a where a.batch_id = new.id and a.ruling is null and a.closed is null
       ) then
        raise exception 'batch % waits for a decision about each of its items', old.id using errcode = 'AC002';
    end if;
    return new;
end
$$;
create trigger append_only before update on actum.batches
    for each row execute function actum.keep_batch();

-- What was revoked or ended stays so; the argument is the column that says when.
create function actum.keep_end() returns trigger
language plpgsql as $$
begin
    if to_jsonb(old) ->> tg_argv[0] is distinct from to_jsonb(new) ->> tg_argv[0] then
        raise exception '% %: what has ended stays as it is', tg_table_name, old.id using errcode = 'AC002';
    end if;
    return new;
end
$$;
create trigger append_only before update on actum.break_glass
    for each row when (old.ended_at is not null) execute function actum.keep_end('ended_at');
create trigger append_only before update on actum.freezes
    for each row when (old.ended_at is not null) execute function actum.keep_end('ended_at');
create trigger append_only before update on actum.grants
    for each row when (old.revoked_at is not null) execute function actum.keep_end('revoked_at');
create trigger append_only before update on actum.delegations
    for each row when (old.revoked_at is not null) execute function actum.keep_end('revoked_at');
create trigger append_only before update on actum.tokens
    for each row when (old.revoked_at is not null) execute function actum.keep_end('revoked_at');

-- The word of a decision is left by the functions that decide, which have the owner's rights, and by nobody else; that of
-- a child's end by whoever may write what workflows do.
create function actum.refuse_forgery() returns trigger
language plpgsql as $$
begin
    if new.kind = 'child' then
        if not has_table_privilege(current_user, format('%I.events', tg_table_schema), 'insert') then
            raise exception 'only workers tell a workflow how its child ended: cancel the child, or settle what it waits for'
                using errcode = 'insufficient_privilege';
        end if;
    elsif not pg_has_role(current_user, (select c.relowner from pg_class c where c.oid = tg_relid), 'usage') then
        raise exception 'only the functions that decide tell a workflow of a decision: decide its approval'
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger only_by_deciding before insert on actum.messages
    for each row when (new.kind in ('decision', 'child')) execute function actum.refuse_forgery();

-- Roles. They belong to the server, so another database may have made them already.
do $$
declare
    name text;
begin
    foreach name in array array['actum_owner', 'actum_worker', 'actum_console', 'actum_reader'] loop
        begin
            if not exists (select from pg_roles where rolname = name) then
                execute format('create role %I nologin', name);
            end if;
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then raise notice 'role % is not made: this account may not create roles', name;
        end;
    end loop;
    if (select count(*) from pg_roles where rolname in ('actum_owner', 'actum_worker', 'actum_console', 'actum_reader')) = 4 then
        grant usage on schema actum to actum_owner, actum_worker, actum_console, actum_reader;
        grant select on all tables in schema actum to actum_worker, actum_console, actum_reader;
        -- Functions are nobody's but those granted below.
        revoke execute on all functions in schema actum from public;
        revoke select on actum.tokens from actum_worker, actum_reader;
        grant all on all tables in schema actum to actum_owner;
        grant execute on all functions in schema actum to actum_owner;

        -- A worker runs workflows; it cannot decide, and it cannot edit what is append-only.
        grant insert, update on actum.workflows, actum.workers, actum.contracts, actum.effects, actum.questions
              to actum_worker;
        grant insert, update (received) on actum.messages to actum_worker;
        grant insert on actum.events, actum.snapshots, actum.start_keys to actum_worker;
        grant insert (id, workflow_id, address, asked_by, step, kind, key, action_hash, arguments, preview, relies_on,
                      tier, rule, policy_hash, contract, team, requester, authors, approvers, requirements, placement,
                      asked_at, expires_at, on_expiry, escalate_to, remind_share)
              on actum.approvals to actum_worker;
        grant update (closed, closed_at, used_at, used_epoch, placement) on actum.approvals to actum_worker;
        grant execute on function actum.make_weeks, actum.register_contract,
              actum.expire_approvals, actum.join_batch, actum.sift_batch, actum.reserve, actum.use_grant,
              actum.reserve_budgets,
              actum.settle_budgets, actum.settle_left_budgets, actum.reserve_prompt,
              actum.settle_prompt, actum.prune_budgets, actum.prune_incidents, actum.notice_about, actum.notice_of_batch,
              actum.notice_of_end to actum_worker;
        grant insert, update, delete on actum.notifications to actum_worker;
        grant update (state, closed_at, close_reason, decided_at) on actum.batches to actum_worker;

        -- Anybody who serves or decides may say of what use an output was, and add facts up.
        grant insert on actum.verdicts to actum_worker, actum_console;
        grant insert, update on actum.rollups, actum.rollup_totals, actum.rollup_outcomes, actum.rollup_state
              to actum_worker, actum_console;
        grant execute on function actum.is_person, actum.machine_time, actum.episode, actum.workflow_times, actum.fresh_facts,
              actum.fresh_step_facts, actum.count_outcomes, actum.is_sampled, actum.week_bound, actum.remind_at,
              actum.time_to_decide
              to actum_worker, actum_console, actum_reader;
        grant execute on function actum.summarize_events to actum_worker, actum_console;

        -- The console decides and leaves messages; it writes no snapshot, no effect and no event but a start's.
        grant insert on actum.messages to actum_console;
        -- What it gave or opened it ends, and changes nothing else about it.
        grant insert on actum.freezes, actum.accounts, actum.members, actum.tokens, actum.delegations, actum.break_glass,
              actum.grants to actum_console;
        grant update (answered_at, answered_by) on actum.questions to actum_console;
        grant update (ended_at, ended_by) on actum.freezes to actum_console;
        grant update (roles, disabled_at, disabled_by) on actum.accounts to actum_console;
        grant update (removed_at, removed_by) on actum.members to actum_console;
        grant update (last_used_at, revoked_at, revoked_by) on actum.tokens to actum_console;
        grant update (revoked_at, revoked_by) on actum.delegations, actum.grants to actum_console;
        grant update (ended_at) on actum.break_glass to actum_console;
        grant update (wake, run_at) on actum.workflows to actum_console;
        grant insert (hash, name, body, activation, registered_at, registered_by) on actum.policies to actum_console;
        grant execute on function actum.activate_policy, actum.shadow_policy to actum_console;
        grant update (reminded_at) on actum.approvals to actum_worker, actum_console;
        grant insert on actum.notifications to actum_console;
        grant insert, update on actum.incidents to actum_worker, actum_console;
        grant execute on function actum.affected_by to actum_worker, actum_console;
        grant update on actum.watch_turn to actum_worker;
        grant insert on actum.interventions to actum_console;
        grant execute on function actum.notice_about, actum.notice_of_end to actum_console;
        grant execute on function actum.decide_approval, actum.decide_approvals, actum.revoke_approval,
              actum.hand_over_approval, actum.inquire, actum.answer_inquiry, actum.show_batch, actum.sift_batch,
              actum.identity
              to actum_console;
    end if;
end
$$;
