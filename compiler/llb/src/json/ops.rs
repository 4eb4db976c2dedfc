//! The JSON of LLB's messages, as Go writes its generated structs.
//!
//! Owns names and order of fields. Ops, file actions and users have a form of their own, in which the member of the
//! oneof stands in an object.

use super::{Object, ToJson, base64};
use crate::pb;

macro_rules! object {
    ($type:ty, |$self:ident, $object:ident| $body:expr) => {
        impl ToJson for $type {
            fn write_json(&self, out: &mut String) {
                let $self = self;
                let mut $object = Object::begin(out);
                $body;
                $object.end();
            }
        }
    };
}

object!(pb::Op, |op, o| {
    o.optional_list("inputs", &op.inputs);
    o.field("Op", &Kind(op.op.as_ref()));
    o.optional("platform", op.platform.as_ref());
    o.optional("constraints", op.constraints.as_ref())
});

struct Kind<'a>(Option<&'a pb::OpKind>);

object!(Kind<'_>, |kind, o| match kind.0 {
    None => &mut o,
    Some(pb::OpKind::Exec(op)) => o.field("exec", op),
    Some(pb::OpKind::Source(op)) => o.field("source", op),
    Some(pb::OpKind::File(op)) => o.field("file", op),
    Some(pb::OpKind::Build(op)) => o.field("build", op),
    Some(pb::OpKind::Merge(op)) => o.field("merge", op),
    Some(pb::OpKind::Diff(op)) => o.field("diff", op),
    Some(pb::OpKind::Passthrough(op)) => o.field("passthrough", op),
});

object!(pb::Input, |input, o| o.optional_text("digest", &input.digest).optional_number("index", input.index));

object!(pb::Platform, |platform, o| o
    .optional_text("Architecture", &platform.architecture)
    .optional_text("OS", &platform.os)
    .optional_text("Variant", &platform.variant)
    .optional_text("OSVersion", &platform.os_version)
    .optional_list("OSFeatures", &platform.os_features));

object!(pb::WorkerConstraints, |constraints, o| o.optional_list("filter", &constraints.filter));

object!(pb::SourceOp, |source, o| o
    .optional_text("identifier", &source.identifier)
    .optional_map("attrs", &source.attrs));

object!(pb::BuildOp, |build, o| o
    .optional_number("builder", build.builder)
    .optional_map("inputs", &build.inputs)
    .optional("def", build.def.as_ref())
    .optional_map("attrs", &build.attrs));

object!(pb::BuildInput, |build, o| o.optional_number("input", build.input));

object!(pb::MergeOp, |merge, o| o.optional_list("inputs", &merge.inputs));
object!(pb::MergeInput, |merge, o| o.optional_number("input", merge.input));

object!(pb::DiffOp, |diff, o| o.optional("lower", diff.lower.as_ref()).optional("upper", diff.upper.as_ref()));
object!(pb::LowerDiffInput, |diff, o| o.optional_number("input", diff.input));
object!(pb::UpperDiffInput, |diff, o| o.optional_number("input", diff.input));

object!(pb::PassthroughOp, |pass, o| o.optional_text("id", &pass.id).optional_list("outputs", &pass.outputs));

object!(pb::ExecOp, |exec, o| o
    .optional("meta", exec.meta.as_ref())
    .optional_list("mounts", &exec.mounts)
    .optional_number("network", exec.network)
    .optional_number("security", exec.security)
    .optional_list("secretenv", &exec.secretenv)
    .optional_list("cdiDevices", &exec.cdi_devices));

object!(pb::Meta, |meta, o| o
    .optional_list("args", &meta.args)
    .optional_list("env", &meta.env)
    .optional_text("cwd", &meta.cwd)
    .optional_text("user", &meta.user)
    .optional("proxy_env", meta.proxy_env.as_ref())
    .optional_list("extraHosts", &meta.extra_hosts)
    .optional_text("hostname", &meta.hostname)
    .optional_list("ulimit", &meta.ulimit)
    .optional_text("cgroupParent", &meta.cgroup_parent)
    .optional_bool("removeMountStubsRecursive", meta.remove_mount_stubs_recursive)
    .optional_list("validExitCodes", &meta.valid_exit_codes));

object!(pb::HostIp, |host, o| o.optional_text("Host", &host.host).optional_text("IP", &host.ip));

object!(pb::Ulimit, |limit, o| o
    .optional_text("Name", &limit.name)
    .optional_number("Soft", limit.soft)
    .optional_number("Hard", limit.hard));

object!(pb::SecretEnv, |secret, o| o
    .optional_text("ID", &secret.id)
    .optional_text("name", &secret.name)
    .optional_bool("optional", secret.optional));

object!(pb::CdiDevice, |device, o| o.optional_text("name", &device.name).optional_bool("optional", device.optional));

object!(pb::Mount, |mount, o| o
    .optional_number("input", mount.input)
    .optional_text("selector", &mount.selector)
    .optional_text("dest", &mount.dest)
    .optional_number("output", mount.output)
    .optional_bool("readonly", mount.readonly)
    .optional_number("mountType", mount.mount_type)
    .optional("TmpfsOpt", mount.tmpfs_opt.as_ref())
    .optional("cacheOpt", mount.cache_opt.as_ref())
    .optional("secretOpt", mount.secret_opt.as_ref())
    .optional("SSHOpt", mount.ssh_opt.as_ref())
    .optional_text("resultID", &mount.result_id)
    .optional_number("contentCache", mount.content_cache));

object!(pb::TmpfsOpt, |opt, o| o.optional_number("size", opt.size));

object!(pb::CacheOpt, |opt, o| o.optional_text("ID", &opt.id).optional_number("sharing", opt.sharing));

object!(pb::SecretOpt, |opt, o| o
    .optional_text("ID", &opt.id)
    .optional_number("uid", opt.uid)
    .optional_number("gid", opt.gid)
    .optional_number("mode", opt.mode)
    .optional_bool("optional", opt.optional));

object!(pb::SshOpt, |opt, o| o
    .optional_text("ID", &opt.id)
    .optional_number("uid", opt.uid)
    .optional_number("gid", opt.gid)
    .optional_number("mode", opt.mode)
    .optional_bool("optional", opt.optional));

object!(pb::ProxyEnv, |proxy, o| o
    .optional_text("http_proxy", &proxy.http_proxy)
    .optional_text("https_proxy", &proxy.https_proxy)
    .optional_text("ftp_proxy", &proxy.ftp_proxy)
    .optional_text("no_proxy", &proxy.no_proxy)
    .optional_text("all_proxy", &proxy.all_proxy));

object!(pb::FileOp, |file, o| o.optional_list("actions", &file.actions));

object!(pb::FileAction, |action, o| o
    .field("input", &action.input)
    .field("secondaryInput", &action.secondary_input)
    .field("output", &action.output)
    .field("Action", &ActionKind(action.action.as_ref())));

struct ActionKind<'a>(Option<&'a pb::FileActionKind>);

object!(ActionKind<'_>, |kind, o| match kind.0 {
    None => &mut o,
    Some(pb::FileActionKind::Copy(action)) => o.field("copy", action),
    Some(pb::FileActionKind::Mkfile(action)) => o.field("mkfile", action),
    Some(pb::FileActionKind::Mkdir(action)) => o.field("mkdir", action),
    Some(pb::FileActionKind::Rm(action)) => o.field("rm", action),
    Some(pb::FileActionKind::Symlink(action)) => o.field("symlink", action),
});

impl ToJson for pb::FileActionKind {
    /// The message itself, without saying which kind it is.
    fn write_json(&self, out: &mut String) {
        match self {
            Self::Copy(action) => action.write_json(out),
            Self::Mkfile(action) => action.write_json(out),
            Self::Mkdir(action) => action.write_json(out),
            Self::Rm(action) => action.write_json(out),
            Self::Symlink(action) => action.write_json(out),
        }
    }
}

object!(pb::FileActionCopy, |copy, o| o
    .optional_text("src", &copy.src)
    .optional_text("dest", &copy.dest)
    .optional("owner", copy.owner.as_ref())
    .optional_number("mode", copy.mode)
    .optional_bool("followSymlink", copy.follow_symlink)
    .optional_bool("dirCopyContents", copy.dir_copy_contents)
    .optional_bool("attemptUnpackDockerCompatibility", copy.attempt_unpack_docker_compatibility)
    .optional_bool("createDestPath", copy.create_dest_path)
    .optional_bool("allowWildcard", copy.allow_wildcard)
    .optional_bool("allowEmptyWildcard", copy.allow_empty_wildcard)
    .optional_number("timestamp", copy.timestamp)
    .optional_list("include_patterns", &copy.include_patterns)
    .optional_list("exclude_patterns", &copy.exclude_patterns)
    .optional_bool("alwaysReplaceExistingDestPaths", copy.always_replace_existing_dest_paths)
    .optional_text("modeStr", &copy.mode_str)
    .optional_list("required_paths", &copy.required_paths));

object!(pb::FileActionMkFile, |file, o| o
    .optional_text("path", &file.path)
    .optional_number("mode", file.mode)
    .optional_bytes("data", &file.data)
    .optional("owner", file.owner.as_ref())
    .optional_number("timestamp", file.timestamp));

object!(pb::FileActionSymlink, |link, o| o
    .optional_text("oldpath", &link.oldpath)
    .optional_text("newpath", &link.newpath)
    .optional("owner", link.owner.as_ref())
    .optional_number("timestamp", link.timestamp));

object!(pb::FileActionMkDir, |dir, o| o
    .optional_text("path", &dir.path)
    .optional_number("mode", dir.mode)
    .optional_bool("makeParents", dir.make_parents)
    .optional("owner", dir.owner.as_ref())
    .optional_number("timestamp", dir.timestamp));

object!(pb::FileActionRm, |rm, o| o
    .optional_text("path", &rm.path)
    .optional_bool("allowNotFound", rm.allow_not_found)
    .optional_bool("allowWildcard", rm.allow_wildcard));

object!(pb::ChownOpt, |owner, o| o.optional("user", owner.user.as_ref()).optional("group", owner.group.as_ref()));

object!(pb::UserOpt, |user, o| o.field("User", &UserKind(user.user.as_ref())));

struct UserKind<'a>(Option<&'a pb::User>);

object!(UserKind<'_>, |user, o| match user.0 {
    None => &mut o,
    Some(pb::User::ByName(named)) => o.field("byName", named),
    Some(pb::User::ById(id)) => o.optional_number("byId", *id),
});

object!(pb::NamedUserOpt, |named, o| o.optional_text("name", &named.name).optional_number("input", named.input));

object!(pb::OpMetadata, |metadata, o| o
    .optional_bool("ignore_cache", metadata.ignore_cache)
    .optional_map("description", &metadata.description)
    .optional("export_cache", metadata.export_cache.as_ref())
    .optional("caps", Some(&metadata.caps).filter(|caps| !caps.is_empty()))
    .optional("progress_group", metadata.progress_group.as_deref())
    .optional("linux_resources", metadata.linux_resources.as_deref()));

object!(pb::Capabilities, |caps, o| for (name, wanted) in caps.iter() {
    o.field(name, &wanted);
});

object!(pb::ExportCache, |export, o| o.optional_bool("Value", export.value));

object!(pb::ProgressGroup, |group, o| o
    .optional_text("id", &group.id)
    .optional_text("name", &group.name)
    .optional_bool("weak", group.weak));

object!(pb::LinuxResources, |limits, o| o
    .optional_number("memory", limits.memory)
    .optional_number("memorySwap", limits.memory_swap)
    .optional_number("cpuShares", limits.cpu_shares)
    .optional_number("cpuPeriod", limits.cpu_period)
    .optional_number("cpuQuota", limits.cpu_quota)
    .optional_text("cpusetCpus", &limits.cpuset_cpus)
    .optional_text("cpusetMems", &limits.cpuset_mems));

object!(pb::Definition, |definition, o| {
    let ops: Vec<Bytes<'_>> = definition.def.iter().map(|bytes| Bytes(bytes)).collect();
    o.optional_list("def", &ops);
    o.optional_map("metadata", &definition.metadata);
    o.optional("Source", definition.source.as_ref())
});

struct Bytes<'a>(&'a [u8]);

impl ToJson for Bytes<'_> {
    fn write_json(&self, out: &mut String) {
        base64(self.0).write_json(out);
    }
}

object!(pb::Source, |source, o| o.optional_map("locations", &source.locations).optional_list("infos", &source.infos));
object!(pb::Locations, |locations, o| o.optional_list("locations", locations.locations.as_slice()));
object!(pb::Location, |location, o| o
    .optional_number("sourceIndex", location.source_index)
    .optional_list("ranges", &location.ranges));
object!(pb::Range, |range, o| o.optional("start", range.start.as_ref()).optional("end", range.end.as_ref()));
object!(pb::Position, |position, o| o
    .optional_number("line", position.line)
    .optional_number("character", position.character));
object!(pb::SourceInfo, |info, o| o
    .optional_text("filename", &info.filename)
    .optional_bytes("data", &info.data)
    .optional("definition", info.definition.as_ref())
    .optional_text("language", &info.language));
