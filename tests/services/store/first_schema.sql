BEGIN TRANSACTION;
CREATE TABLE audit (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	"before" TEXT NOT NULL, 
	"after" TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	digest TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,'2026-02-16T01:02:03.000000Z','hanako','default','setting_changed','customers.on_delete','"exclude"','"bar"','','892ca8c0e3d7b626639c183347c4531f508a2b40763f711e0c5bc77f27dac647');
INSERT INTO "audit" VALUES(2,'2026-02-16T01:02:03.000000Z','hanako','default','confirm','20260216T010203-000abcdef','null','null','892ca8c0e3d7b626639c183347c4531f508a2b40763f711e0c5bc77f27dac647','8dc3a75acb5e627ac99acc92935d4d972b356f37cf0f1c5b93fc4a148df529e6');
CREATE TABLE budgets (
	profile TEXT NOT NULL, 
	service TEXT NOT NULL, 
	api TEXT NOT NULL, 
	day TEXT NOT NULL, 
	calls BIGINT DEFAULT 0 NOT NULL, 
	PRIMARY KEY (profile, service, api, day)
);
CREATE TABLE cursors (
	profile TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	changed_at TEXT NOT NULL, 
	PRIMARY KEY (profile, name)
);
INSERT INTO "cursors" VALUES('default','customers','2026-02-16T01:00:00Z','2026-02-16T01:02:03.000000Z');
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run_id TEXT NOT NULL, 
	at TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	flow TEXT NOT NULL, 
	level TEXT NOT NULL, 
	message TEXT NOT NULL, 
	data TEXT NOT NULL
);
CREATE TABLE facts (
	profile TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	changed_at TEXT NOT NULL, 
	PRIMARY KEY (profile, name)
);
INSERT INTO "facts" VALUES('default','salesforce.org_id','00D000000000001','2026-02-16T01:02:03.000000Z');
CREATE TABLE leases (
	profile TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started_at TEXT NOT NULL, 
	renewed_at TEXT NOT NULL, 
	PRIMARY KEY (profile)
);
CREATE TABLE operators (
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password TEXT NOT NULL, 
	must_change BOOLEAN NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	failures BIGINT DEFAULT 0 NOT NULL, 
	blocked_until TEXT, 
	signed_in_at TEXT, 
	created_at TEXT NOT NULL, 
	changed_at TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE pending_imports (
	id INTEGER NOT NULL, 
	profile TEXT NOT NULL, 
	flow TEXT NOT NULL, 
	job TEXT NOT NULL, 
	kind INTEGER NOT NULL, 
	file_name TEXT NOT NULL, 
	first_row BIGINT DEFAULT 0 NOT NULL, 
	rows BIGINT DEFAULT 0 NOT NULL, 
	rows_file TEXT NOT NULL, 
	accepted_at TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_pending_import UNIQUE (profile, flow, job, file_name, first_row)
);
CREATE TABLE rejects (
	id INTEGER NOT NULL, 
	profile TEXT NOT NULL, 
	flow TEXT NOT NULL, 
	record TEXT NOT NULL, 
	field TEXT NOT NULL, 
	value TEXT NOT NULL, 
	address TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	remedy TEXT NOT NULL, 
	status TEXT NOT NULL, 
	tries BIGINT DEFAULT 1 NOT NULL, 
	first_run TEXT NOT NULL, 
	last_run TEXT NOT NULL, 
	first_at TEXT NOT NULL, 
	last_at TEXT NOT NULL, 
	closed_at TEXT, 
	closed_by TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT one_reject UNIQUE (profile, flow, record, field)
);
INSERT INTO "rejects" VALUES(1,'default','customers','003A','Email','x***','','{"$text":"a","params":{}}','{"$text":"b","params":{}}','open',1,'20260216T010203-000abcdef','20260216T010203-000abcdef','2026-02-16T01:02:03.000000Z','2026-02-16T01:02:03.000000Z',NULL,NULL);
CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	profile TEXT NOT NULL, 
	flow TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	address TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	candidates TEXT NOT NULL, 
	status TEXT NOT NULL, 
	decision TEXT, 
	run_id TEXT NOT NULL, 
	asked_at TEXT NOT NULL, 
	closed_at TEXT, 
	closed_by TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT one_review UNIQUE (profile, flow, "key")
);
CREATE TABLE run_flows (
	run_id TEXT NOT NULL, 
	flow TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	status TEXT NOT NULL, 
	finished_at TEXT NOT NULL, 
	read BIGINT DEFAULT 0 NOT NULL, 
	unchanged BIGINT DEFAULT 0 NOT NULL, 
	created BIGINT DEFAULT 0 NOT NULL, 
	updated BIGINT DEFAULT 0 NOT NULL, 
	excluded BIGINT DEFAULT 0 NOT NULL, 
	rejected BIGINT DEFAULT 0 NOT NULL, 
	written BIGINT DEFAULT 0 NOT NULL, 
	salesforce_calls BIGINT DEFAULT 0 NOT NULL, 
	haihai_calls BIGINT DEFAULT 0 NOT NULL, 
	cursor TEXT, 
	PRIMARY KEY (run_id, flow)
);
INSERT INTO "run_flows" VALUES('20260216T010203-000abcdef','customers','default','partial','2026-02-16T01:02:03.000000Z',5,2,0,0,0,1,2,3,2,'2026-02-16T01:00:00Z');
CREATE TABLE runs (
	run_id TEXT NOT NULL, 
	profile TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	flows TEXT NOT NULL, 
	status TEXT NOT NULL, 
	exit_code INTEGER, 
	started_at TEXT NOT NULL, 
	finished_at TEXT, 
	summary TEXT DEFAULT '{}' NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	confirmed_at TEXT, 
	confirmed_by TEXT, 
	PRIMARY KEY (run_id)
);
INSERT INTO "runs" VALUES('20260216T010203-000abcdef','default','sync','["customers"]','partial',1,'2026-02-16T01:02:03.000000Z','2026-02-16T01:02:03.000000Z','{"flows":{"customers":{"read":5,"unchanged":2,"written":2,"rejected":1,"api_calls":{"salesforce":3,"haihai":2},"cursor":"2026-02-16T01:00:00Z"}}}','host.example',1,'cron@host.example',NULL,NULL);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	applied_at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1,'2026-02-16T01:02:03.000000Z');
CREATE TABLE snapshots (
	profile TEXT NOT NULL, 
	name TEXT NOT NULL, 
	file_name TEXT NOT NULL, 
	changed_at TEXT NOT NULL, 
	PRIMARY KEY (profile, name)
);
CREATE TABLE used_passwords (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	password TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX runs_by_profile ON runs (profile, run_id);
CREATE INDEX run_flows_by_profile ON run_flows (profile, flow, run_id);
CREATE INDEX events_by_run ON events (run_id, seq);
CREATE INDEX rejects_by_status ON rejects (profile, flow, status, record);
CREATE INDEX reviews_by_status ON reviews (profile, flow, status, "key");
CREATE INDEX used_passwords_by_name ON used_passwords (name, id);
CREATE TRIGGER audit_is_append_only_UPDATE BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_is_append_only_DELETE BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',2);
COMMIT;
