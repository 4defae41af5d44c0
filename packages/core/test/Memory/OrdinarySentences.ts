/**
 * A hundred sentences of business, news and technical text, and forty more. Their writer, who also
 * labelled them, had seen the conventions of the labels and about ten lines of the regular
 * expressions, but not the other rules. Labels as in `EntitySentences`; also what a definition
 * defines is an entity, and what it says of it the description. An alias may be found as a name of
 * its own or not: only that it is an alias counts.
 *
 * With the rules as they were, precision was 0.843 and recall 0.817 on the hundred, 0.851 and 0.864
 * on the forty. Faults that were general were mended by the hundred; the forty were not looked at
 * for that.
 */
export interface Ordinary {
  readonly text: string
  readonly names: ReadonlyArray<string>
  /** The aliases of a name. */
  readonly aliases?: Readonly<Record<string, string>>
  /** A word of the description of a name. */
  readonly described?: Readonly<Record<string, string>>
}

const labelled = ([text, ...names]: readonly [string, ...Array<string>]): Ordinary => ({ text, names })
const withAlias = (name: string, alias: string, { names, text }: Ordinary): Ordinary => ({
  text,
  names: [name, ...names],
  aliases: { [name]: alias }
})
const defined = (name: string, word: string, { names, text }: Ordinary): Ordinary => ({
  text,
  names: [name, ...names],
  described: { [name]: word }
})

export const business: ReadonlyArray<Ordinary> = [
  labelled([
    "Please send the signed contract to Laura Benedetti at Norwick Logistics before 30 September.",
    "Laura Benedetti",
    "Norwick Logistics",
    "30 September"
  ]),
  labelled(["Revenue in the third quarter rose 12% to $48.3 million.", "12%", "$48.3 million"]),
  labelled(["The board approved a dividend of €0.85 per share.", "€0.85"]),
  labelled([
    "Hartmann & Söhne will close its warehouse in Duisburg at the end of June 2026.",
    "Hartmann & Söhne",
    "Duisburg",
    "June 2026"
  ]),
  labelled(["We owe Brightpath Consulting £14,200 for work done in February.", "Brightpath Consulting", "£14,200"]),
  labelled([
    "Customer success is now led by Priya Raghunathan, who came from Zendesk.",
    "Priya Raghunathan",
    "Zendesk"
  ]),
  labelled(["Invoices above 5,000 euros need a second signature.", "5,000 euros"]),
  labelled(["The Tokyo office opens at 9 a.m. and closes at 6 p.m.", "Tokyo"]),
  labelled(["Key Account Manager Tom O'Leary will visit the client in Cork next Tuesday.", "Tom O'Leary", "Cork"]),
  withAlias(
    "International Business Machines",
    "IBM",
    labelled(["International Business Machines, better known as IBM, renewed its lease for 10 years.", "10 years"])
  ),
  labelled(["Our fiscal year ends on March 31.", "March 31"]),
  withAlias("Vandelay Imports", "VI", labelled(["Vandelay Imports (VI) supplies most of our latex."])),
  labelled(["Ms. Okonkwo asked for a refund of 249.99 USD.", "Okonkwo", "249.99 USD"]),
  labelled(["Churn fell from 4.1% in January to 2.8% in April.", "4.1%", "2.8%"]),
  defined(
    "Net Promoter Score",
    "measure",
    labelled(["Net Promoter Score is a measure of how likely customers are to recommend a company."])
  ),
  defined("purchase order", "document", labelled(["A purchase order is a document that a buyer sends to a supplier."])),
  labelled(["Nobody at Kestrel Foods has replied since the meeting on 12 May.", "Kestrel Foods", "12 May"]),
  labelled(["The discount applies to orders of at least 250 kg.", "250 kg"]),
  defined(
    "Jean-Luc Moreau",
    "head of sales",
    labelled(["Jean-Luc Moreau, the new head of sales, prefers to be called by phone."])
  ),
  labelled(["Shipping from Rotterdam to Singapore takes 28 days.", "Rotterdam", "Singapore", "28 days"]),
  labelled(["Do not offer the annual plan to Meridian Health; they cancelled it twice.", "Meridian Health"]),
  labelled([
    "Legal wants the non-disclosure agreement signed by Ingrid Solberg and by Marcus Webb.",
    "Ingrid Solberg",
    "Marcus Webb"
  ]),
  labelled(["The Chief Financial Officer expects inflation of 3 percent.", "3 percent"]),
  labelled(["Payroll moved from SAP to Workday in October 2025.", "SAP", "Workday", "October 2025"]),
  labelled(["Lease payments for the building on Kurfürstendamm are due quarterly.", "Kurfürstendamm"]),
  labelled([
    "Blue Harbor Capital bought a 35 percent stake in Lumen Robotics for $120m.",
    "Blue Harbor Capital",
    "35 percent",
    "Lumen Robotics",
    "$120m"
  ]),
  labelled(["Elena from procurement says the quote is valid for 14 days.", "Elena", "14 days"]),
  labelled(["Minutes of the meeting: Ahmed will call the bank, Sofia will prepare the slides.", "Ahmed", "Sofia"]),
  labelled(["The Northwind account belongs to Gareth Pryce.", "Northwind", "Gareth Pryce"]),
  labelled(["In 2019 the company employed 340 people; today it employs more than 1,200.", "2019"]),
  labelled(["Offer valid until 2026-03-31.", "2026-03-31"]),
  withAlias(
    "William Harcourt",
    "Bill",
    labelled(["William Harcourt, whom everybody calls Bill, runs the Leeds branch.", "Leeds"])
  ),
  withAlias(
    "Total cost of ownership",
    "TCO",
    labelled(["Total cost of ownership, or TCO, includes training and support."])
  ),
  labelled(["Please order 40 boxes of paper."])
]

export const news: ReadonlyArray<Ordinary> = [
  labelled([
    "The European Central Bank left its key rate unchanged at 2 percent on Thursday.",
    "European Central Bank",
    "2 percent"
  ]),
  labelled(["A magnitude 6.1 earthquake struck off the coast of Hokkaido early on Monday.", "Hokkaido"]),
  labelled(["Prime Minister Anneke Visser resigned after 11 months in office.", "Anneke Visser", "11 months"]),
  labelled(["Police in Marseille arrested two men on suspicion of arson.", "Marseille"]),
  withAlias(
    "World Health Organization",
    "WHO",
    labelled(["The World Health Organization (WHO) declared the outbreak over on 4 June.", "4 June"])
  ),
  labelled(["Wildfires have burned 12,000 hectares of forest in northern Portugal.", "12,000 hectares", "Portugal"]),
  labelled(["German exports fell for the third month in a row."]),
  labelled([
    "Lionel Messi scored twice as Inter Miami beat Orlando City 3-1.",
    "Lionel Messi",
    "Inter Miami",
    "Orlando City"
  ]),
  labelled(['The film "The Quiet Orchard" won the main prize in Cannes.', "The Quiet Orchard", "Cannes"]),
  labelled(["Thousands marched through Buenos Aires to protest against the cuts.", "Buenos Aires"]),
  labelled(["NASA plans to launch the probe in late 2027.", "NASA", "2027"]),
  labelled(["Astronomers at the Paranal Observatory in Chile photographed the comet.", "Paranal Observatory", "Chile"]),
  labelled([
    "The Rhine fell to 78 centimetres at Kaub, its lowest level since 2022.",
    "Rhine",
    "78 centimetres",
    "Kaub",
    "2022"
  ]),
  labelled(["Amazon said it would hire 15,000 people in India.", "Amazon", "India"]),
  labelled(["Kenya's parliament passed the budget on 26 June 2025.", "Kenya", "26 June 2025"]),
  labelled(["Oil prices climbed above $90 a barrel.", "$90"]),
  labelled(["The Supreme Court ruled in favor of the state of Ohio.", "Supreme Court", "Ohio"]),
  labelled([
    "Emmanuel Macron met Keir Starmer in Downing Street.",
    "Emmanuel Macron",
    "Keir Starmer",
    "Downing Street"
  ]),
  labelled(["Heavy snow closed the airports of Oslo and Bergen.", "Oslo", "Bergen"]),
  withAlias("Meta", "Facebook", labelled(["Meta (formerly Facebook) lost a fifth of its value on Nasdaq.", "Nasdaq"])),
  labelled([
    "Fatima al-Zahra became the first woman to lead the University of Aleppo.",
    "Fatima al-Zahra",
    "University of Aleppo"
  ]),
  labelled(["According to the Financial Times, the deal could be announced as early as this week.", "Financial Times"]),
  labelled(["Hurricane Delia weakened to a tropical storm before it reached Cuba.", "Hurricane Delia", "Cuba"]),
  labelled(["The population of Lagos has passed 16 million.", "Lagos"]),
  labelled(["Ticket sales begin on December 1st.", "December 1st"]),
  labelled(["Scientists have found microplastics in Antarctic ice."]),
  withAlias(
    "Organisation for Economic Co-operation and Development",
    "OECD",
    labelled(["The Organisation for Economic Co-operation and Development, known as the OECD, cut its forecast."])
  ),
  labelled(["Serena Whitlock and her brother Dominic own the vineyard.", "Serena Whitlock", "Dominic"]),
  labelled(["The treaty was signed in Vienna on 8/11/1998.", "Vienna", "8/11/1998"]),
  labelled(["Voters in Switzerland rejected the proposal by 61 to 39 percent.", "Switzerland", "39 percent"]),
  labelled(["The museum was founded by Carl Lindqvist in 1911.", "Carl Lindqvist", "1911"]),
  labelled(["Rescuers saved three climbers from Mont Blanc after 19 hours.", "Mont Blanc", "19 hours"]),
  labelled(["Train services between Milan and Bologna were suspended.", "Milan", "Bologna"])
]

export const technical: ReadonlyArray<Ordinary> = [
  defined("Kafka", "log", labelled(["Kafka is a distributed event log that keeps messages on disk."])),
  labelled(["The server refuses requests larger than 8 MB.", "8 MB"]),
  labelled(["Upgrade to PostgreSQL 18 before you enable the extension.", "PostgreSQL 18"]),
  labelled(["Timeouts are set to 30 seconds by default.", "30 seconds"]),
  labelled(["We deploy with Kubernetes on Google Cloud.", "Kubernetes", "Google Cloud"]),
  labelled(["If the API returns 429, wait and try again."]),
  labelled(["Grace Hopper's team wrote the first compiler in 1952.", "Grace Hopper", "1952"]),
  labelled(["Redis keeps the queue; Postgres keeps the events.", "Redis", "Postgres"]),
  labelled(["Version 2.4.1 fixes the memory leak that Dmitri reported.", "Dmitri"]),
  labelled(["The Raspberry Pi 5 draws about 12 W under load.", "Raspberry Pi 5", "12 W"]),
  defined("mutex", "lock", labelled(["A mutex is a lock that only one thread can hold."])),
  labelled(["Let's Encrypt certificates expire after 90 days.", "Let's Encrypt", "90 days"]),
  labelled(["CPU usage stayed below 60 % during the test.", "60 %"]),
  withAlias(
    "Content Delivery Network",
    "CDN",
    labelled(["Content Delivery Network (CDN) caches must be cleared after each release."])
  ),
  labelled(["The bug only occurs in Safari on macOS Sonoma.", "Safari", "macOS Sonoma"]),
  labelled(["Builds on GitHub Actions take 7 minutes, those on Jenkins 12.", "GitHub Actions", "7 minutes", "Jenkins"]),
  labelled(["TypeScript was created by Anders Hejlsberg at Microsoft.", "TypeScript", "Anders Hejlsberg", "Microsoft"]),
  defined("Idempotency", "repeating", labelled(["Idempotency means that repeating a request changes nothing."])),
  labelled(["The nightly backup is copied to Frankfurt and Dublin.", "Frankfurt", "Dublin"]),
  labelled(["Latency between the two regions is 23 ms.", "23 ms"]),
  labelled(["Support for Windows 10 ended on October 14, 2025.", "Windows 10", "October 14, 2025"]),
  withAlias(
    "Completely Fair Scheduler",
    "CFS",
    labelled(["Linux uses the Completely Fair Scheduler (CFS) for ordinary processes.", "Linux"])
  ),
  labelled(["Use snake case for all columns and tabs for indentation."]),
  labelled(["The Apollo Guidance Computer had 4 KB of memory.", "Apollo Guidance Computer", "4 KB"]),
  defined("Grafana", "dashboard", labelled(["Grafana, a dashboard for metrics, runs on port 3000."])),
  withAlias(
    "Kubernetes",
    "K8s",
    labelled(["Kubernetes, often shortened to K8s, restarts the container when the probe fails."])
  ),
  labelled(["Yuki Tanabe reviewed the pull request and asked for more tests.", "Yuki Tanabe"]),
  labelled([
    "Training took 3 weeks on 64 GPUs in the Barcelona Supercomputing Center.",
    "3 weeks",
    "Barcelona Supercomputing Center"
  ]),
  defined("OpenTelemetry", "standard", labelled(["OpenTelemetry is an open standard for traces, metrics and logs."])),
  labelled(["The disk failed at 02:14 on 7 November 2025.", "7 November 2025"]),
  labelled(["The sensor measures temperatures from -40 °C to 85 °C.", "-40 °C", "85 °C"]),
  labelled(["Stripe sends a webhook when a payment fails.", "Stripe"]),
  labelled(["Samuel thinks that the Cassandra cluster in Virginia is too small.", "Samuel", "Cassandra", "Virginia"])
]

/** Written before the rules were improved by the others. */
export const unseen: ReadonlyArray<Ordinary> = [
  labelled(["Copenhagen voted to build a second metro line by 2035.", "Copenhagen", "2035"]),
  labelled(["The invoice from Halvorsen Shipping is dated 3.11.2025.", "Halvorsen Shipping", "3.11.2025"]),
  labelled(["Deputy Mayor Aisha Karim opened the library in Bradford.", "Aisha Karim", "Bradford"]),
  labelled(["Marketing needs the photos by Friday."]),
  labelled(["Our HR system is called Personio, and nobody likes it.", "Personio"]),
  labelled(["Please forward this to Mrs. Delacroix and to Henrik.", "Delacroix", "Henrik"]),
  labelled(["Sales in Brazil grew by 7.5 % in the first half of 2025.", "Brazil", "7.5 %", "2025"]),
  withAlias(
    "Securities and Exchange Commission",
    "SEC",
    labelled(["The Securities and Exchange Commission (SEC) fined the fund $3 million.", "$3 million"])
  ),
  labelled(["The bridge over the Danube is 480 metres long.", "Danube", "480 metres"]),
  labelled(["Returns must reach our depot in Antwerp within 30 days.", "Antwerp", "30 days"]),
  labelled(["Warehouse B holds 900 pallets."]),
  labelled(["Oscar Niemeyer designed the cathedral in Brasília.", "Oscar Niemeyer", "Brasília"]),
  labelled(["Trains to Kraków leave every 45 minutes.", "Kraków", "45 minutes"]),
  labelled([
    "The flight from Doha landed in Perth after 10 hours and 40 minutes.",
    "Doha",
    "Perth",
    "10 hours",
    "40 minutes"
  ]),
  labelled(["French and Italian ministers met in Brussels.", "Brussels"]),
  labelled(["The storm left 20,000 homes in Texas without power.", "Texas"]),
  labelled(["In 1969 Neil Armstrong walked on the Moon.", "1969", "Neil Armstrong", "Moon"]),
  withAlias("Sri Lanka", "Ceylon", labelled(["Sri Lanka, formerly known as Ceylon, exports tea."])),
  labelled(['The novel "Winter Harvest" was published on 2 October.', "Winter Harvest", "2 October"]),
  labelled(["Researchers at Stanford tested the vaccine on 240 volunteers.", "Stanford"]),
  labelled(["Barack Obama spoke to students in Nairobi.", "Barack Obama", "Nairobi"]),
  labelled(["Toyota recalled the Corolla because of a faulty pump.", "Toyota", "Corolla"]),
  defined("Terraform", "tool", labelled(["Terraform is a tool that creates infrastructure from files."])),
  defined("race condition", "fault", labelled(["A race condition is a fault that depends on timing."])),
  labelled(["SSL certificates are renewed by a job at midnight."]),
  labelled(["The build on CircleCI fails because Node 22 is missing.", "CircleCI", "Node 22"]),
  labelled(["Memory use peaked at 1.7 GB.", "1.7 GB"]),
  labelled(["Margaret Hamilton wrote software for the Apollo missions.", "Margaret Hamilton", "Apollo"]),
  labelled([
    "The Elasticsearch cluster in Oregon lost two nodes on 2025-01-19.",
    "Elasticsearch",
    "Oregon",
    "2025-01-19"
  ]),
  withAlias("Elastic Compute Cloud", "EC2", labelled(["Elastic Compute Cloud, known as EC2, bills by the second."])),
  labelled(["Ping takes 180 ms from Sydney.", "180 ms", "Sydney"]),
  labelled(["Use HTTPS everywhere, and set the header once."]),
  labelled(["Signal strength drops by 3 dB behind the wall.", "3 dB"]),
  labelled(["Firefox 128 ignores the flag, while Chrome respects it.", "Firefox 128", "Chrome"]),
  labelled(["Olga merged the branch after Piotr had approved it.", "Olga", "Piotr"]),
  labelled(["Cloudflare blocked the attack within 3 seconds.", "Cloudflare", "3 seconds"]),
  labelled(["The laptop weighs 1.3 kg and costs 999 euros.", "1.3 kg", "999 euros"]),
  labelled(["Backups are kept for 35 days in the Zurich data centre.", "35 days", "Zurich"]),
  labelled(["Spring Boot starts slowly on the ThinkPad.", "Spring Boot", "ThinkPad"]),
  labelled(["Delete nothing before Katharina has seen the report.", "Katharina"])
]
