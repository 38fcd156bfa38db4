/*
 * Runs one experiment on the kernel that it finds itself in, as process 1 of an initramfs, and writes what came of
 * each step as a line of JSON on the console.
 *
 * Steps, one a line (the same files are read by the model):
 *   site SYMBOL                 the function whose bytes are shown after each step
 *   xdp on|off                  a generic XDP program on lo
 *   tracer on|off               the function tracer, with the site as its filter
 *   fentry on|off               a BPF program before the site; fexit: after it
 *   kprobe on|off SYMBOL OFF    a probe
 *   enabled 0|1                 the sysctl kernel.ftrace_enabled
 *   schedstats 0|1              the static key sched_schedstats
 *   kprobe key OFF              a probe at a site of that key, plus OFF
 *   livepatch on|off            the module patch.ko, which patches version_proc_show
 *   touch N                     runs the site N times
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TRACING "/sys/kernel/debug/tracing/"

static char site[128];
static uint64_t site_addr;
static int xdp_prog = -1, fentry_prog = -1, fentry_link = -1, fexit_prog = -1, fexit_link = -1;
static int kmsg = -1;
/* Reads that the live patch answered. */
static long patched;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_APPEND), done = 0;
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		done = errno;
	close(fd);
	return done;
}

static int append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND), done = 0;
	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		done = errno;
	close(fd);
	return done;
}

static uint64_t symbol(const char *name)
{
	static char line[512];
	FILE *f = fopen("/proc/kallsyms", "r");
	uint64_t addr = 0;
	while (f && fgets(line, sizeof line, f)) {
		char type, found[256];
		unsigned long long at;
		if (sscanf(line, "%llx %c %255s", &at, &type, found) == 3 && !strcmp(found, name)) {
			addr = at;
			break;
		}
	}
	if (f)
		fclose(f);
	return addr;
}

static int kernel_read(uint64_t addr, void *out, size_t len)
{
	static unsigned char head[1 << 16];
	int fd = open("/proc/kcore", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
	int done = -1;
	if (n > 64) {
		uint64_t phoff;
		uint16_t count;
		memcpy(&phoff, head + 32, 8);
		memcpy(&count, head + 56, 2);
		for (int i = 0; i < count && phoff + 56 * (i + 1) <= (uint64_t)n; i++) {
			unsigned char *p = head + phoff + 56 * i;
			uint32_t type;
			uint64_t off, va, size;
			memcpy(&type, p, 4);
			memcpy(&off, p + 8, 8);
			memcpy(&va, p + 16, 8);
			memcpy(&size, p + 40, 8);
			if (type == 1 && addr >= va && addr + len <= va + size) {
				done = pread(fd, out, len, off + (addr - va)) == (ssize_t)len ? 0 : -1;
				break;
			}
		}
	}
	if (fd >= 0)
		close(fd);
	return done;
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof *attr);
}

static int load(int type, int attach, uint32_t btf, int result)
{
	static char log[16384];
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = result },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.prog_type = type;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "GPL";
	attr.expected_attach_type = attach;
	attr.attach_btf_id = btf;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof log;
	attr.log_level = 1;
	return bpf(BPF_PROG_LOAD, &attr);
}

/* The id of a function in the kernel's own type information. */
static uint32_t btf_id(const char *name)
{
	static unsigned char data[16 << 20];
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	size_t n = 0;
	ssize_t got;
	if (fd < 0)
		return 0;
	while (n < sizeof data && (got = read(fd, data + n, sizeof data - n)) > 0)
		n += got;
	close(fd);
	uint32_t head, type_off, type_len, str_off;
	memcpy(&head, data + 4, 4);
	memcpy(&type_off, data + 8, 4);
	memcpy(&type_len, data + 12, 4);
	memcpy(&str_off, data + 16, 4);
	unsigned char *p = data + head + type_off, *end = p + type_len;
	for (uint32_t id = 1; p + 12 <= end; id++) {
		uint32_t at, info;
		memcpy(&at, p, 4);
		memcpy(&info, p + 4, 4);
		uint32_t kind = info >> 24 & 31, len = info & 0xffff;
		if (kind == 12 && !strcmp((char *)data + head + str_off + at, name))
			return id;
		p += 12;
		switch (kind) {
		case 1: case 14: case 17: p += 4; break;
		case 3: p += 12; break;
		case 4: case 5: case 15: case 19: p += 12 * len; break;
		case 6: case 13: p += 8 * len; break;
		}
	}
	return 0;
}

static int xdp(int on)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		char attr[64];
	} req;
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), fd = -1;
	if (on) {
		if (xdp_prog < 0)
			xdp_prog = load(BPF_PROG_TYPE_XDP, 0, 0, XDP_PASS);
		if (xdp_prog < 0)
			return errno;
		fd = xdp_prog;
	}
	memset(&req, 0, sizeof req);
	req.h.nlmsg_len = NLMSG_LENGTH(sizeof req.i);
	req.h.nlmsg_type = RTM_SETLINK;
	req.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	req.i.ifi_index = 1;
	struct nlattr *outer = (void *)((char *)&req + req.h.nlmsg_len);
	struct nlattr *one = (void *)(outer + 1), *two = (void *)((char *)one + 8);
	outer->nla_type = IFLA_XDP | NLA_F_NESTED;
	outer->nla_len = 4 + 8 + 8;
	one->nla_type = IFLA_XDP_FD;
	one->nla_len = 8;
	memcpy(one + 1, &fd, 4);
	two->nla_type = IFLA_XDP_FLAGS;
	two->nla_len = 8;
	uint32_t flags = XDP_FLAGS_SKB_MODE;
	memcpy(two + 1, &flags, 4);
	req.h.nlmsg_len += outer->nla_len;
	char answer[512];
	int done = EIO;
	if (send(s, &req, req.h.nlmsg_len, 0) > 0 && recv(s, answer, sizeof answer, 0) > 0) {
		struct nlmsghdr *h = (void *)answer;
		if (h->nlmsg_type == NLMSG_ERROR)
			done = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
	}
	close(s);
	if (!on && done == 0 && xdp_prog >= 0) {
		close(xdp_prog);
		xdp_prog = -1;
	}
	return done;
}

static int program(int *prog, int *link, int attach, int on)
{
	if (!on) {
		close(*link);
		close(*prog);
		*link = *prog = -1;
		return 0;
	}
	*prog = load(BPF_PROG_TYPE_TRACING, attach, btf_id(site), 0);
	if (*prog < 0)
		return errno;
	union bpf_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.raw_tracepoint.prog_fd = *prog;
	*link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	if (*link < 0) {
		int e = errno;
		close(*prog);
		*prog = -1;
		return e;
	}
	return 0;
}

static int tracer(int on)
{
	char text[160];
	if (!on)
		return put(TRACING "current_tracer", "nop");
	snprintf(text, sizeof text, "%s\n", site);
	int e = put(TRACING "set_ftrace_filter", text);
	return e ? e : put(TRACING "current_tracer", "function");
}

static char probes[16][64];

static int kprobe(int on, const char *at)
{
	char text[256], path[256], name[64];
	snprintf(name, sizeof name, "w_%s", at);
	for (char *c = name; *c; c++)
		if (*c == '+')
			*c = '_';
	snprintf(path, sizeof path, TRACING "events/kprobes/%s/enable", name);
	if (on) {
		snprintf(text, sizeof text, "p:%s %s\n", name, at);
		int e = append(TRACING "kprobe_events", text);
		if (e)
			return e;
		e = put(path, "1");
		if (e) {
			snprintf(text, sizeof text, "-:%s\n", name);
			append(TRACING "kprobe_events", text);
			return e;
		}
		for (int i = 0; i < 16; i++)
			if (!probes[i][0]) {
				strcpy(probes[i], name);
				break;
			}
		return 0;
	}
	put(path, "0");
	snprintf(text, sizeof text, "-:%s\n", name);
	for (int i = 0; i < 16; i++)
		if (!strcmp(probes[i], name))
			probes[i][0] = 0;
	return append(TRACING "kprobe_events", text);
}

/* The first branch of a static key, as SYMBOL+OFFSET. */
static int key_site(const char *key, char *out, size_t len)
{
	uint64_t from = symbol("__start___jump_table"), to = symbol("__stop___jump_table"), want = symbol(key);
	for (uint64_t at = from; at + 16 <= to; at += 16) {
		int32_t code;
		int64_t off;
		if (kernel_read(at, &code, 4) || kernel_read(at + 8, &off, 8))
			return EIO;
		if (((at + 8 + off) & ~3ull) != want)
			continue;
		uint64_t ip = at + code, best = 0;
		static char line[512], name[128];
		FILE *f = fopen("/proc/kallsyms", "r");
		while (f && fgets(line, sizeof line, f)) {
			char type, found[128];
			unsigned long long a;
			if (sscanf(line, "%llx %c %127s", &a, &type, found) != 3 || (type | 32) != 't')
				continue;
			if (a <= ip && a > best) {
				best = a;
				strcpy(name, found);
			}
		}
		if (f)
			fclose(f);
		snprintf(out, len, "%s+%llu", name, (unsigned long long)(ip - best));
		return 0;
	}
	return ENOENT;
}

static void touch(int n)
{
	char buffer[4096];
	if (!strncmp(site, "bpf_dispatcher", 14)) {
		int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9999) };
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		bind(in, (void *)&to, sizeof to);
		for (int i = 0; i < n; i++) {
			sendto(out, "x", 1, 0, (void *)&to, sizeof to);
			recv(in, buffer, sizeof buffer, MSG_DONTWAIT);
		}
		close(in);
		close(out);
		return;
	}
	for (int i = 0; i < n; i++) {
		int fd = open("/proc/version", O_RDONLY);
		if (read(fd, buffer, sizeof buffer) < 0)
			break;
		patched += !strncmp(buffer, "patched", 7);
		close(fd);
	}
}

static int livepatch(int on)
{
	if (on) {
		int fd = open("/patch.ko", O_RDONLY), e = 0;
		if (fd < 0)
			return errno;
		if (syscall(SYS_finit_module, fd, "", 0))
			e = errno;
		close(fd);
		if (e)
			return e;
	} else {
		int e = put("/sys/kernel/livepatch/patch/enabled", "0");
		if (e)
			return e;
	}
	/* Until the transition is over; a disabled patch's directory goes with it. */
	for (int i = 0; i < 100; i++) {
		char state[4] = "0";
		int fd = open("/sys/kernel/livepatch/patch/transition", O_RDONLY);
		if (fd >= 0) {
			if (read(fd, state, 1) < 0)
				state[0] = '0';
			close(fd);
		}
		if (state[0] == '0')
			break;
		usleep(100000);
	}
	return on ? 0 : syscall(SYS_delete_module, "patch", 0) ? errno : 0;
}

static long traced(void)
{
	static char line[1024];
	long n = 0;
	FILE *f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof line, f))
		if (line[0] != '#' && strstr(line, site) && strstr(line, "<-"))
			n++;
	if (f)
		fclose(f);
	return n;
}

static long probed(void)
{
	static char line[512];
	long sum = 0;
	FILE *f = fopen(TRACING "kprobe_profile", "r");
	while (f && fgets(line, sizeof line, f)) {
		char name[256];
		long hits, missed;
		if (sscanf(line, "%255s %ld %ld", name, &hits, &missed) == 3)
			sum += hits;
	}
	if (f)
		fclose(f);
	return sum;
}

static long ran(int prog)
{
	char path[64], line[256];
	long long n = 0;
	if (prog < 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", prog);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "run_cnt: %lld", &n);
	if (f)
		fclose(f);
	return n;
}

static void json(const char *s)
{
	for (; *s && *s != '\n'; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s >= 32)
			putchar(*s);
}

/* What the kernel said since the last time, as far as it matters. */
static void said(void)
{
	static char record[8192];
	ssize_t n;
	int first = 1;
	printf(",\"log\":[");
	while ((n = read(kmsg, record, sizeof record - 1)) > 0) {
		record[n] = 0;
		char *text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		if (!strstr(text, "ftrace") && !strstr(text, "actual") && !strstr(text, "expected") &&
		    !strstr(text, "BUG") && !strstr(text, "WARNING") && !strstr(text, "int3"))
			continue;
		/* Not the stack of a warning. */
		if (strstr(text, "Modules linked") || strstr(text, "RIP:") || (text[0] == ' ' && strstr(text, "+0x")))
			continue;
		printf("%s\"", first ? "" : ",");
		json(text);
		printf("\"");
		first = 0;
	}
	printf("]");
}

static void report(const char *step, int e)
{
	unsigned char bytes[10];
	char dead[64] = "";
	usleep(100000);
	printf("@ {\"step\":\"");
	json(step);
	printf("\",\"errno\":\"%s\"", e ? strerrorname_np(e) ? strerrorname_np(e) : "?" : "");
	if (e == 524)
		printf(",\"note\":\"ENOTSUPP\"");
	printf(",\"bytes\":\"");
	if (site_addr && !kernel_read(site_addr, bytes, sizeof bytes))
		for (size_t i = 0; i < sizeof bytes; i++)
			printf("%s%02x", i ? " " : "", bytes[i]);
	/* A dead ftrace answers ENODEV to whoever opens its filter. */
	int fd = open(TRACING "set_ftrace_filter", O_RDONLY);
	snprintf(dead, sizeof dead, "%s", fd < 0 && errno == ENODEV ? "true" : "false");
	if (fd >= 0)
		close(fd);
	printf("\",\"dead\":%s,\"tracer\":%ld,\"kprobe\":%ld,\"fentry\":%ld,\"fexit\":%ld,\"xdp\":%ld,\"patched\":%ld", dead,
	       traced(), probed(), ran(fentry_prog), ran(fexit_prog), ran(xdp_prog), patched);
	said();
	printf("}\n");
	fflush(stdout);
	put(TRACING "trace", "\n");
}

static int step(char *line)
{
	char a[32] = "", b[128] = "", c[128] = "", d[32] = "";
	sscanf(line, "%31s %127s %127s %31s", a, b, c, d);
	int on = !strcmp(b, "on");
	if (!strcmp(a, "site")) {
		strcpy(site, b);
		site_addr = symbol(site);
		/* Behind endbr64, where there is one. */
		unsigned char pad[4];
		if (site_addr && !kernel_read(site_addr, pad, 4) && !memcmp(pad, "\xf3\x0f\x1e\xfa", 4))
			site_addr += 4;
		return site_addr ? 0 : ENOENT;
	}
	if (!strcmp(a, "xdp"))
		return xdp(on);
	if (!strcmp(a, "tracer"))
		return tracer(on);
	if (!strcmp(a, "fentry"))
		return program(&fentry_prog, &fentry_link, BPF_TRACE_FENTRY, on);
	if (!strcmp(a, "fexit"))
		return program(&fexit_prog, &fexit_link, BPF_TRACE_FEXIT, on);
	if (!strcmp(a, "livepatch"))
		return livepatch(on);
	if (!strcmp(a, "enabled"))
		return put("/proc/sys/kernel/ftrace_enabled", b);
	if (!strcmp(a, "schedstats"))
		return put("/proc/sys/kernel/sched_schedstats", b);
	if (!strcmp(a, "touch")) {
		touch(atoi(b));
		return 0;
	}
	if (!strcmp(a, "kprobe")) {
		char at[192];
		if (!strcmp(b, "key")) {
			char found[160];
			int e = key_site("sched_schedstats", found, sizeof found);
			if (e)
				return e;
			char *plus = strrchr(found, '+');
			long off = atol(plus + 1) + atol(c);
			*plus = 0;
			snprintf(at, sizeof at, "%s+%ld", found, off);
			return kprobe(1, at);
		}
		snprintf(at, sizeof at, "%s+%s", c, d);
		return kprobe(on, at);
	}
	return EPROTO;
}

int main(void)
{
	static char line[256];
	struct utsname u;
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, 0);
	mount("tracefs", "/sys/kernel/debug/tracing", "tracefs", 0, 0);
	put("/proc/sys/kernel/kptr_restrict", "0");
	put("/proc/sys/kernel/bpf_stats_enabled", "1");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (kmsg < 0) {
		mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	}
	lseek(kmsg, 0, SEEK_END);
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq up = { .ifr_name = "lo" };
	up.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
	ioctl(s, SIOCSIFFLAGS, &up);
	close(s);
	uname(&u);
	printf("\n@ {\"kernel\":\"%s %s\"}\n", u.release, u.version);
	fflush(stdout);
	FILE *f = fopen("/scenario", "r");
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		report(line, step(line));
	}
	printf("@ {\"end\":true}\n");
	fflush(stdout);
	sync();
	usleep(200000);
	reboot(RB_POWER_OFF);
	return 0;
}
