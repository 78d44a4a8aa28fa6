-- name: register
-- Registers a document and returns every shape a worker of it may claim. Called by workers and clients at start.
select r.shape_hash, r.shape, r.is_new
  from actum.register_contract(:contract::text, :document_hash::bytea, :shape_hash::bytea, :document::text,
                               :team::text) r;

-- name: get
-- One document as registered. Called by `show`.
select c.contract, c.document_hash, c.shape_hash, c.shape, c.document, c.team, c.registered_at
  from actum.contracts c
 where c.contract = :contract::text
   and c.document_hash = :document_hash::bytea;

-- name: list_authors
-- The authors whom each document of a contract names. Called by audit.
select distinct array(
           select json_array_elements_text(coalesce(c.document::json -> 'owner' -> 'authors', '[]'))
       ) as authors
  from actum.contracts c
 where c.contract = :contract::text;

-- name: find_shapes
-- The shapes of contracts, as numbered. Called by doctor.
select c.contract, c.shape, c.shape_hash, min(c.registered_at) as registered_at
  from actum.contracts c
 group by c.contract, c.shape, c.shape_hash
 order by c.contract, c.shape;
